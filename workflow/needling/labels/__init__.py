"""Labels: codes become words, units and digits, here and nowhere else."""

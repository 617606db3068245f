"""Figures: each draws what released tables say and gives the table it drew; none computes a statistic."""

"""Tables: format what released tables say; the exact numbers go to a CSV, the printed ones to the report."""

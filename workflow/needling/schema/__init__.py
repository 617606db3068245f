"""The contracts of all tables that pass from one stage to the next, and how tables are written and read."""

"""A study on the statistician's desk: its tables, models of one's own, and the way of such a model into the plan."""

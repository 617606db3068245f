"""Reading: a raw export of any format becomes canonical tables in which every cell still knows its place."""

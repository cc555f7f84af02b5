"""The table of the pieces of running tasks' output."""

"""The index table of the managed pools, and the history of their tasks."""

"""Queries of the managed pools, and which entries of the index a task has."""

"""Give ready tasks to workers and hand them over."""

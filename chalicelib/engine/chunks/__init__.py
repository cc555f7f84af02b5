"""Pieces of running tasks' output: stored as workers send them, and read as a stream."""

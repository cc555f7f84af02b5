"""A running task's output in ordered pieces, and the events of a stream of it."""

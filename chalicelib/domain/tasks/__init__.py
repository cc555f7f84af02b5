"""Tasks and workers as values, their transitions, and the choice of a worker."""

"""What follows from a change of a task, a worker or a document."""

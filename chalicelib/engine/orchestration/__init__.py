"""Tasks of the studio that a workflow does: begin, follow, decide, and what follows from the end."""

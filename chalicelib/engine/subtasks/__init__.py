"""Subtasks of content: research, writing, quality, format and images, at once or as steps of a workflow."""

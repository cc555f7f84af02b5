"""Projects with their members, agents, comments and files, and the tasks that people manage in them."""

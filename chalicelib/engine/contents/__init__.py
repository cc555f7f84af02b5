"""Contents: drafts, decisions on them, and the posts that they become."""

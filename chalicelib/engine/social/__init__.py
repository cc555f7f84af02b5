"""Posts on social platforms: connected accounts, scheduled posts, their figures and texts."""

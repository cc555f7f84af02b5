"""What can be learned from content that people approved or rejected."""

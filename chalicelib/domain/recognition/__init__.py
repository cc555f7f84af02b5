"""What callers send for recognition, before any engine sees it."""

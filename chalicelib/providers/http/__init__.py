"""Calls to URLs that callers chose: which addresses are allowed, and how an answer is read."""

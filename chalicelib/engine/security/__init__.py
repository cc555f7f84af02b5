"""Who calls, and how often: tokens, keys, passwords, encryption and rate limits."""

"""Clients of other services, and what Yardmaster performs itself."""

"""Which counters an event changes, and what is computed from them."""

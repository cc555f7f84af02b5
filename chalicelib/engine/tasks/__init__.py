"""A task's life from submission to its end: leases, results, retries, lists and its log."""

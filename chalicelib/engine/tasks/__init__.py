"""A task's life from submission to end: leases, results, retries, lists and its log."""

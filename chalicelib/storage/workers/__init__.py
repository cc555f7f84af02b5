"""The `workers` table: workers, pools, concurrency limits and claims to URLs."""

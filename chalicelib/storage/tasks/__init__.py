"""The `tasks` table and its indexes."""

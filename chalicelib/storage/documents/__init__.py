"""The `documents` table: the records of the tenants."""

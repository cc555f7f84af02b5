"""The `access` table: logins, sessions, keys, OAuth codes, quotas, limits and the directory of workers."""

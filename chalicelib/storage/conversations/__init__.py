"""The `conversations` table: conversations, the counters of their lists, and messages."""

"""The `deliveries` table: deliveries to webhooks and messengers, and the health of their receivers."""

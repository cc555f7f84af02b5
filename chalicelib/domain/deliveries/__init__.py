"""Rules of deliveries to webhooks and messengers: attempts, signatures and texts."""

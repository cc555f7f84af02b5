"""Webhooks: their endpoints, the deliveries to them, and their retries."""

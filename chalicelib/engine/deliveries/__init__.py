"""What deliveries to webhooks and to messengers share: when a receiver that fails is tried again."""

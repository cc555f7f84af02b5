"""Send each event to the webhooks, the inboxes and the live feeds that subscribe to it."""

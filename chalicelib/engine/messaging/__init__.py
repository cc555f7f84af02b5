"""Notifications to people through messengers: Telegram, WhatsApp, Discord and others."""

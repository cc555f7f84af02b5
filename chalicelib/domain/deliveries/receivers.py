"""Receivers of deliveries: webhooks, named by their ids, messengers, named by their providers, and social platforms."""

from typing import Literal, get_args

Provider = Literal["telegram", "whatsapp", "discord"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
Platform = Literal["twitter", "linkedin", "instagram", "mastodon", "bluesky"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
ReceiverKind = Literal["webhook", "messenger", "platform"]


def receiver_kind(receiver: str) -> ReceiverKind:
    """The kind of a receiver. Ids of webhooks have a prefix and are no provider's or platform's name."""
    if receiver in PLATFORMS:
        return "platform"
    return "messenger" if receiver in PROVIDERS else "webhook"

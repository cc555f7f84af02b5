"""Receivers of deliveries: webhooks, named by their ids, and messengers, named by their providers."""

from typing import Literal, get_args

Provider = Literal["telegram", "whatsapp", "discord"]
PROVIDERS: tuple[Provider, ...] = get_args(Provider)
ReceiverKind = Literal["webhook", "messenger"]


def receiver_kind(receiver: str) -> ReceiverKind:
    """The kind of a receiver. Ids of webhooks have a prefix and are no provider's name."""
    return "messenger" if receiver in PROVIDERS else "webhook"

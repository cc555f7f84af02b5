"""Messengers: the providers that bring a notification to a phone or a channel, behind one small interface.

An account is an org's settings for a provider, all text. No setting is ever part of an error's text.
"""

from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.providers.messengers.provider_requests import Sent as Sent
from chalicelib.providers.messengers.provider_requests import Undelivered as Undelivered

Account = Mapping[str, str]


class Messenger(Protocol):
    """One provider."""

    @property
    def required_settings(self) -> tuple[str, ...]:
        """The settings without which no message can be sent."""

    def split(self, text: str) -> list[str]:
        """The text as messages of this provider, escaped and within its limit; the same text gives the same parts."""

    def send(self, account: Account, part: str) -> Sent:
        """Send one part. Raises Undelivered."""

    def check(self, account: Account) -> None:
        """Check that messages can be sent now, without sending one. Raises Undelivered."""


def get_messenger(name: Provider, account: Account) -> Messenger:
    """The messenger of this name. WhatsApp is reached through a bridge where the account names its `url`."""
    from chalicelib.providers.messengers.discord import Discord
    from chalicelib.providers.messengers.telegram import Telegram
    from chalicelib.providers.messengers.waha import Waha
    from chalicelib.providers.messengers.whatsapp_cloud import WhatsAppCloud

    if name == "telegram":
        return Telegram()
    if name == "discord":
        return Discord()
    return Waha() if "url" in account else WhatsAppCloud()


def missing_settings(name: Provider, account: Account) -> list[str]:
    """The required settings that the account lacks."""
    required = get_messenger(name, account).required_settings
    return [setting for setting in required if not account.get(setting)]

"""Messengers: the providers that carry a notification to somebody's phone or channel, behind one small interface.

An account is what an org has with a provider: the settings that its `needs` name, all text. None of it is ever part of
an error.
"""

from collections.abc import Mapping
from typing import Protocol

from chalicelib.domain.deliveries.receivers import Provider
from chalicelib.providers.messengers.calls import Sent as Sent
from chalicelib.providers.messengers.calls import Undelivered as Undelivered

Account = Mapping[str, str]


class Messenger(Protocol):
    """One provider."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The settings without which nothing can be sent."""

    def parts(self, text: str) -> list[str]:
        """The text as this provider's messages, escaped, none over its limit; the same text gives the same parts."""

    def send(self, account: Account, part: str) -> Sent:
        """Send one part. Raises Undelivered."""

    def check(self, account: Account) -> None:
        """Find out whether messages could be sent now, without sending one. Raises Undelivered."""


def messenger(name: Provider, account: Account) -> Messenger:
    """The provider of that name; WhatsApp is reached through a bridge where the account names its `url`."""
    from chalicelib.providers.messengers.discord import Discord
    from chalicelib.providers.messengers.telegram import Telegram
    from chalicelib.providers.messengers.waha import Waha
    from chalicelib.providers.messengers.whatsapp_cloud import WhatsAppCloud

    if name == "telegram":
        return Telegram()
    if name == "discord":
        return Discord()
    return Waha() if "url" in account else WhatsAppCloud()


def missing(name: Provider, account: Account) -> list[str]:
    """Which settings the account lacks."""
    return [one for one in messenger(name, account).needs if not account.get(one)]

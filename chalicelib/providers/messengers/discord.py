"""Discord, through a channel's webhook (discord.com/developers/docs/resources/webhook): it is executed with
`wait=true`, so that the response has the message's id.

Messages mention no user, whatever their text says.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from chalicelib.providers.messengers import provider_requests, text_splitting
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Sent, Undelivered
from chalicelib.providers.messengers.text_splitting import Atom

MAX_LENGTH = 2000
_CHANNEL_ERRORS = frozenset({10003, 10015, 50001, 50013, 50024, 50083, 160005, 220001, 220002, 220003, 220004})
"""Discord's codes for a channel that takes no messages as it is configured, such as a forum, which needs a thread, or
an archived thread. Some come with status 400; all can be corrected."""
_LINK = re.compile(r"https?://[^\s<>]+")
_NUMBER = re.compile(r"^[ \t]*[0-9]+\.(?=\s|$)|(?<=[ \t])[0-9]+\.(?=[ \t])", re.MULTILINE)
"""The start of an ordered list, which Discord would renumber: at the beginning of a line, or where a cut would make it
one."""
_MARKUP = frozenset("\\*_~`|<>#[]()-")


class Discord:
    """Settings: `webhook_url`, as the channel's settings show it."""

    required_settings = ("webhook_url",)

    def split(self, text: str) -> list[str]:
        return text_splitting.split_text(_atoms(text), MAX_LENGTH)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {"content": part, "allowed_mentions": {"parse": []}}
        url = _waiting_url(account["webhook_url"])
        response = provider_requests.send_request("POST", url, body, needs_body=provider_requests.is_refusal_of_message)
        if not response.is_success:
            raise _refusal(response)
        return provider_requests.sent_with_id(response.json.get("id"), _rest_ms(response))

    def check(self, account: Mapping[str, str]) -> None:
        response = provider_requests.send_request("GET", provider_requests.base_url(account["webhook_url"]))
        if not response.is_success:
            raise _refusal(response)
        if "id" not in response.json:
            raise provider_requests.unexpected_response(response)


def _waiting_url(url: str) -> str:
    """The URL with `wait=true` added to its query, which may name a thread."""
    parts = urlsplit(provider_requests.base_url(url))
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, "wait=true")))))


def _refusal(response: ProviderResponse) -> Undelivered:
    """`{"message": ..., "retry_after": seconds}`; the header rounds up."""
    rest_ms = provider_requests.seconds_to_ms(response.json.get("retry_after")) if response.status == 429 else None
    refusal = provider_requests.refusal(
        response, provider_requests.text_or_empty(response.json.get("message")), rest_ms
    )
    code = response.json.get("code")
    is_about_channel = isinstance(code, int) and code in _CHANNEL_ERRORS
    return provider_requests.as_temporary(refusal) if is_about_channel else refusal


def _rest_ms(response: ProviderResponse) -> int | None:
    """How long Discord's rate limit lets no message through, if this message was the last that it let through."""
    if response.headers.get("x-ratelimit-remaining") != "0":
        return None
    return provider_requests.seconds_to_ms(response.headers.get("x-ratelimit-reset-after"))


def _atoms(text: str) -> list[Atom]:
    """The text with a backslash before each character that could be markup. Links stay as they are: a backslash would
    break them."""
    links = {at for link in _LINK.finditer(text) for at in range(*link.span())}
    points = {number.end() - 1 for number in _NUMBER.finditer(text)}
    return [
        _atom(character, at not in links and (character in _MARKUP or at in points))
        for at, character in enumerate(text)
    ]


def _atom(character: str, is_markup: bool) -> Atom:
    escaped = f"\\{character}" if is_markup else character
    return Atom(character, escaped, text_splitting.utf16_length(escaped))

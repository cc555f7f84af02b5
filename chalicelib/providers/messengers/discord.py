"""Discord, by a channel's webhook (discord.com/developers/docs/resources/webhook): execute, with `wait=true` so that
the message's id comes back, and get.

Nobody is mentioned, whatever the text says.
"""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from chalicelib.providers.messengers import calls, texts
from chalicelib.providers.messengers.calls import Sent, Spoken, Undelivered
from chalicelib.providers.messengers.texts import Atom

LIMIT = 2000
_OF_THE_CHANNEL = frozenset({10003, 10015, 50001, 50013, 50024, 50083, 160005, 220001, 220002, 220003, 220004})
"""Discord's codes for a webhook or a channel that takes no messages as it is, such as a forum, which needs a thread, or
an archived thread. Some come as 400, and all can be put right."""
_LINK = re.compile(r"https?://[^\s<>]+")
_NUMBER = re.compile(r"^[ \t]*[0-9]+\.(?=\s|$)|(?<=[ \t])[0-9]+\.(?=[ \t])", re.MULTILINE)
"""What begins an ordered list, which would be numbered anew, at the beginning of a line; or would, were the text cut
before it."""
_MARKUP = frozenset("\\*_~`|<>#[]()-")


class Discord:
    """Settings: `webhook_url`, as the channel's settings show it."""

    needs = ("webhook_url",)

    def parts(self, text: str) -> list[str]:
        return texts.split(_atoms(text), LIMIT)

    def send(self, account: Mapping[str, str], part: str) -> Sent:
        body = {"content": part, "allowed_mentions": {"parse": []}}
        url = _waiting(account["webhook_url"])
        spoken = calls.ask("POST", url, body, needs_body=calls.is_refusal_of_message)
        if not spoken.good:
            raise _refusal(spoken)
        return calls.taken(spoken.said.get("id"), _rest(spoken))

    def check(self, account: Mapping[str, str]) -> None:
        spoken = calls.ask("GET", calls.base(account["webhook_url"]))
        if not spoken.good:
            raise _refusal(spoken)
        if "id" not in spoken.said:
            raise calls.garbled(spoken)


def _waiting(url: str) -> str:
    """The address with `wait=true`, beside what it has already, such as a thread."""
    parts = urlsplit(calls.base(url))
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, "wait=true")))))


def _refusal(spoken: Spoken) -> Undelivered:
    """`{"message": ..., "retry_after": seconds}`; the header rounds up."""
    rest = calls.milliseconds(spoken.said.get("retry_after")) if spoken.status == 429 else None
    found = calls.refusal(spoken, calls.words(spoken.said.get("message")), rest)
    code = spoken.said.get("code")
    return calls.passing(found) if isinstance(code, int) and code in _OF_THE_CHANNEL else found


def _rest(spoken: Spoken) -> int | None:
    """How long the bucket is empty, where this message was the last one in it."""
    if spoken.headers.get("x-ratelimit-remaining") != "0":
        return None
    return calls.milliseconds(spoken.headers.get("x-ratelimit-reset-after"))


def _atoms(text: str) -> list[Atom]:
    """Every character that could be markup, with a backslash; links as they are, since they would break."""
    links = {at for link in _LINK.finditer(text) for at in range(*link.span())}
    points = {number.end() - 1 for number in _NUMBER.finditer(text)}
    return [_atom(one, at not in links and (one in _MARKUP or at in points)) for at, one in enumerate(text)]


def _atom(one: str, is_markup: bool) -> Atom:
    written = f"\\{one}" if is_markup else one
    return Atom(one, written, texts.units(written))

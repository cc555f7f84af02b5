"""What calls to all providers have in common: JSON there and back, and what an answer means."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib import clock
from chalicelib.domain import retry_after as waits
from chalicelib.domain.deliveries.delivery import RETRY_AFTER_STATUSES
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody, Unreachable

TIMEOUT_SECONDS = 10.0
ANSWER_BYTES = 1_000_000
LONGEST_REST = 24 * 3_600
_PASSING = frozenset({401, 403, 404, 408, 425, 429})
"""The refusals that are not about the message: a wrong credential can be put right, and a busy provider rests."""


class Undelivered(Exception):
    """The provider did not take a message; the text says why, in its own words where it has any, however long.

    `final` says that trying again is of no use; `rest_ms`, where it is not None, that it asks to be left alone for so
    long.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, final: bool = False, rest_ms: int | None = None
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.final = final
        self.rest_ms = rest_ms


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider acknowledged a message, under an id of its own or `UNKNOWN`; `rest_ms` is how long it wants no more
    of them."""

    id: str
    rest_ms: int | None = None


class Spoken(NamedTuple):
    """What a provider answered; `said` is its JSON, an empty object where it sent no such thing."""

    status: int
    headers: Mapping[str, str]
    said: Mapping[str, Any]
    body: bytes

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


def is_refusal_of_message(status: int) -> bool:
    """Whether the answer to a message that was sent may be a refusal for good: then its body says why, and is needed.
    Of every other answer the status says enough."""
    return 400 <= status < 500 and status not in _PASSING


def ask(
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    private: bool = False,
    needs_body: NeedsBody = outbound.always,
) -> Spoken:
    """Make a request, `private` and `needs_body` as in `outbound.send`. Raises Undelivered where there is no HTTP
    answer."""
    text = b"" if body is None else json.dumps(body, ensure_ascii=False).encode()
    sent = {"accept": "application/json", **({"content-type": "application/json"} if text else {}), **(headers or {})}
    try:
        answer = outbound.send(
            method,
            url,
            headers=sent,
            body=text,
            timeout=TIMEOUT_SECONDS,
            cap_bytes=ANSWER_BYTES,
            private=private,
            needs_body=needs_body,
        )
    except Unreachable as unreachable:
        raise Undelivered(f"no answer: {unreachable.reason}") from None
    return Spoken(answer.status, answer.headers, _object(answer.body), answer.body)


def base(url: str) -> str:
    """An account's base URL, without a slash at its end. Raises Undelivered where it is none."""
    try:
        named = urlsplit(url).netloc
    except ValueError:
        named = ""
    if not named:
        raise Undelivered("the account's URL is not one")
    return url.rstrip("/")


def refusal(spoken: Spoken, words: str, rest_ms: int | None = None) -> Undelivered:
    """What an answer that is no success means; `words` are the provider's own, if it has any."""
    rest = rest_ms or retry_after(spoken)
    final = is_refusal_of_message(spoken.status) and rest is None
    reason = words or f"HTTP {spoken.status}"
    return Undelivered(reason, status=spoken.status, final=final, rest_ms=rest)


def passing(refusal: Undelivered, reason: str = "") -> Undelivered:
    """The same refusal, of a kind that can be put right: it is about the account, and not about the message."""
    return Undelivered(reason or str(refusal), status=refusal.status, rest_ms=refusal.rest_ms)


def taken(identifier: Any, rest_ms: int | None = None) -> Sent:
    """A success of a call that sends means that the message was taken, whatever else is said or missing: sent again,
    it would arrive twice. `identifier` is what stands where the provider's id of it should."""
    named = isinstance(identifier, str | int) and not isinstance(identifier, bool) and identifier != ""
    return Sent(str(identifier) if named else UNKNOWN_RECEIPT, rest_ms)


def garbled(spoken: Spoken) -> Undelivered:
    """A success that does not answer the question: somebody else may have answered in the provider's place."""
    return Undelivered("the answer is not the provider's", status=spoken.status)


def retry_after(spoken: Spoken) -> int | None:
    """The milliseconds of a `Retry-After` of an answer that may have one. Providers write fractions, too."""
    if spoken.status not in RETRY_AFTER_STATUSES:
        return None
    said = waits.header_value(spoken.headers)
    rest = milliseconds(said)
    if rest is not None:
        return rest
    until = waits.parse_ms(said, clock.now())
    return None if until is None else min(until, LONGEST_REST * clock.SECOND)


def milliseconds(seconds: Any) -> int | None:
    """A number of seconds as a provider writes it, in milliseconds, at most a day's; None for anything else."""
    try:
        value = float(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return round(min(value, LONGEST_REST) * 1000) if 0 <= value < float("inf") else None


def words(found: Any) -> str:
    """A provider's explanation, if that is what it is."""
    return found if isinstance(found, str) else ""


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = _storable(json.loads(body))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _storable(found: Any) -> Any:
    """The same without halves of characters, which bridges send that cut a text in the middle of an emoji."""
    if isinstance(found, str):
        return found.encode(errors="replace").decode()
    if isinstance(found, list):
        return [_storable(one) for one in found]
    return {name: _storable(one) for name, one in found.items()} if isinstance(found, dict) else found

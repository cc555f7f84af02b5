"""What requests to all providers share: JSON requests and responses, and what a response means for a message."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from chalicelib import clock
from chalicelib.domain import foreign_json
from chalicelib.domain import retry_after as waits
from chalicelib.domain.deliveries.delivery import RETRY_AFTER_STATUSES
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody, Unreachable

TIMEOUT_SECONDS = 10.0
MAX_RESPONSE_BYTES = 1_000_000
MAX_REST_SECONDS = 24 * 3_600
_TEMPORARY_STATUSES = frozenset({401, 403, 404, 408, 425, 429})
"""Refusals that are not about the message: a wrong credential can be corrected, and a busy provider will have time."""


class Undelivered(Exception):
    """The provider did not take a message. The text says why, in the provider's words if it gave any, of any length.

    `final` says that a retry is of no use. `rest_ms`, if not None, is how long the provider asks for no requests.
    `sent` says, where there is no response, whether the request may have arrived.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        final: bool = False,
        rest_ms: int | None = None,
        sent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.final = final
        self.rest_ms = rest_ms
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider acknowledged a message, under an id of its own or UNKNOWN_RECEIPT. `rest_ms`, if not None, is how
    long it asks for no more messages."""

    id: str
    rest_ms: int | None = None


class ProviderResponse(NamedTuple):
    """A provider's response; `json` is its body's JSON object, empty where the body is none."""

    status: int
    headers: Mapping[str, str]
    json: Mapping[str, Any]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def is_refusal_of_message(status: int) -> bool:
    """Whether a response with this status may refuse the message for good. Only then is its body needed, as it says
    why."""
    return 400 <= status < 500 and status not in _TEMPORARY_STATUSES


def send_request(
    method: str,
    url: str,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    *,
    private: bool = False,
    needs_body: NeedsBody = outbound.always,
) -> ProviderResponse:
    """Make a request with a JSON body, or with bytes; `private` and `needs_body` as in `outbound.send`. Raises
    Undelivered where there is no HTTP response."""
    content = _content(body)
    all_headers = {"accept": "application/json", **({"content-type": "application/json"} if content else {})}
    try:
        response = outbound.send(
            method,
            url,
            headers={**all_headers, **(headers or {})},
            body=content,
            timeout=TIMEOUT_SECONDS,
            cap_bytes=MAX_RESPONSE_BYTES,
            private=private,
            needs_body=needs_body,
        )
    except Unreachable as unreachable:
        raise Undelivered(f"no answer: {unreachable.reason}", sent=unreachable.sent) from None
    return ProviderResponse(response.status, response.headers, _parse_object(response.body), response.body)


def _content(body: Any) -> bytes:
    if body is None or isinstance(body, bytes):
        return body or b""
    return json.dumps(body, ensure_ascii=False).encode()


def base_url(url: str) -> str:
    """An account's base URL without a slash at its end. Raises Undelivered where it is no URL."""
    try:
        host = urlsplit(url).netloc
    except ValueError:
        host = ""
    if not host:
        raise Undelivered("the account's URL is not one")
    return url.rstrip("/")


def refusal(response: ProviderResponse, words: str, rest_ms: int | None = None) -> Undelivered:
    """What a response that is no success means; `words` are the provider's own explanation, if any."""
    rest = rest_ms or retry_after_ms(response)
    final = is_refusal_of_message(response.status) and rest is None
    reason = words or f"HTTP {response.status}"
    return Undelivered(reason, status=response.status, final=final, rest_ms=rest)


def as_temporary(refusal: Undelivered, reason: str = "") -> Undelivered:
    """The same refusal, as one that is about the account and can be corrected, and not about the message."""
    return Undelivered(reason or str(refusal), status=refusal.status, rest_ms=refusal.rest_ms)


def sent_with_id(identifier: Any, rest_ms: int | None = None) -> Sent:
    """The result of a successful request to send. `identifier` is what stands where the provider's id should be.

    The message counts as sent whatever else the response says or lacks: a second request would send it twice.
    """
    is_id = isinstance(identifier, str | int) and not isinstance(identifier, bool) and identifier != ""
    return Sent(str(identifier) if is_id else UNKNOWN_RECEIPT, rest_ms)


def unexpected_response(response: ProviderResponse) -> Undelivered:
    """A success without the expected content: something other than the provider may have answered."""
    return Undelivered("the answer is not the provider's", status=response.status)


def retry_after_ms(response: ProviderResponse) -> int | None:
    """The `Retry-After` of a response that may have one. Providers write fractions of seconds, too."""
    if response.status not in RETRY_AFTER_STATUSES:
        return None
    value = waits.header_value(response.headers)
    rest_ms = seconds_to_ms(value)
    if rest_ms is not None:
        return rest_ms
    until_ms = waits.parse_ms(value, clock.now())
    return None if until_ms is None else min(until_ms, MAX_REST_SECONDS * clock.SECOND)


def seconds_to_ms(seconds: Any) -> int | None:
    """A number of seconds as a provider writes it, in milliseconds, at most a day's; None for anything else."""
    try:
        value = float(seconds)
    except (TypeError, ValueError, OverflowError):
        return None
    return round(min(value, MAX_REST_SECONDS) * 1000) if 0 <= value < float("inf") else None


def text_or_empty(value: Any) -> str:
    """A provider's explanation, or an empty text where the value is none."""
    return value if isinstance(value, str) else ""


def _parse_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = foreign_json.parse(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

"""What the rest of the house may see of an HTTP request: a small read-only view, free of Chalice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from chalice.app import Request as ChaliceRequest

from chalicelib import ids
from chalicelib.errors import Unauthenticated

CREDENTIALS = ("Authorization", "X-API-Key", "X-Webhook-Secret")
PAGES = ("Host", "Origin", "Sec-Fetch-Site")
SINGLE_HEADERS = (*CREDENTIALS, *PAGES, "Content-Encoding", "Content-Type", "Idempotency-Key")
"""Headers that the APIs read. Each has one value: of two, which one counts would depend on who reads the request."""


class Request(NamedTuple):
    """One request, decoded once."""

    method: str
    path: str
    """The path as it was asked for, still percent-encoded, without the gateway's stage."""
    route: str
    """The template that matched, such as `/api/task/{id}`."""
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    path_values: Mapping[str, str]
    """Template variable -> value, percent-decoded."""
    query: Mapping[str, str]
    """Decoded; of a repeated parameter, the last value. Endpoints are asked with none repeated but lists."""
    body: bytes
    id: str
    """The gateway's request id, by which the answer and the log lines are found."""
    source: str = ""
    """The address that it came from, as the gateway saw it."""
    values: Mapping[str, Sequence[str]] = MappingProxyType({})
    """All values of each query parameter."""
    repeated_headers: Sequence[str] = ()
    """Headers of SINGLE_HEADERS that were given more than once."""

    @property
    def repeated(self) -> frozenset[str]:
        """Query parameters that were given more than once."""
        return frozenset(name for name, given in self.values.items() if len(given) > 1)

    @property
    def cookies(self) -> Mapping[str, str]:
        """By name; of several of one name the first, which is the one of the most specific path."""
        pairs = (one.strip().partition("=") for one in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in reversed(list(pairs)) if name}

    @classmethod
    def of(cls, raw: ChaliceRequest) -> "Request":
        event = raw.to_original_event()
        query = event["multiValueQueryStringParameters"] or {}
        return cls(
            method=raw.method,
            path=event.get("path") or raw.path,
            route=raw.path,
            headers=raw.headers,
            path_values={name: unquote(value) for name, value in (raw.uri_params or {}).items()},
            query={name: values[-1] for name, values in query.items()},
            body=cast(bytes, raw.raw_body),
            id=id_of(raw),
            source=str((raw.context.get("identity") or {}).get("sourceIp") or ""),
            values={name: tuple(given) for name, given in query.items()},
            repeated_headers=repeated_headers(event),
        )


def repeated_headers(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The headers of SINGLE_HEADERS that a gateway's event holds more than once, in any case of letters."""
    counts: Counter[str] = Counter()
    for name, given in (event.get("multiValueHeaders") or {}).items():
        counts[name.lower()] += len(given)
    return tuple(name for name in SINGLE_HEADERS if counts[name.lower()] > 1)


def refuse_ambiguous_credential(request: Request) -> None:
    """Raise Unauthenticated for a request with two credentials of one kind."""
    for name in CREDENTIALS:
        if name in request.repeated_headers:
            raise Unauthenticated(f"{name} is given more than once")


def id_of(raw: ChaliceRequest | None) -> str:
    """The API gateway's id of the request, else Lambda's, else a fresh one."""
    if raw is None:
        return ids.new("req")
    return raw.context.get("requestId") or getattr(raw.lambda_context, "aws_request_id", "") or ids.new("req")

"""An HTTP request as the APIs see it: a small read-only value that does not depend on Chalice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

from chalice.app import Request as ChaliceRequest

from chalicelib import ids
from chalicelib.errors import Unauthenticated

CREDENTIAL_HEADERS = ("Authorization", "X-API-Key", "X-Webhook-Secret")
PAGE_HEADERS = ("Host", "Origin", "Sec-Fetch-Site")
SINGLE_HEADERS = (
    *(*CREDENTIAL_HEADERS, *PAGE_HEADERS),
    *("Content-Encoding", "Content-Type", "Idempotency-Key", "Last-Event-ID"),
)
"""Headers that the APIs read. Each may be sent once: readers of a request differ in which of two values they take."""


class Request(NamedTuple):
    """One request, decoded once."""

    method: str
    path: str
    """The path as sent, still percent-encoded, without the gateway's stage."""
    route: str
    """The template that matched, such as `/api/task/{id}`."""
    headers: Mapping[str, str]
    """By name in any case."""
    path_values: Mapping[str, str]
    """Template variable -> value, percent-decoded."""
    query: Mapping[str, str]
    """Decoded; of a repeated parameter, the last value. Only lists may be repeated."""
    body: bytes
    id: str
    """The gateway's request id, which the answer and the log lines carry."""
    source: str = ""
    """The client's address, as the gateway sees it."""
    values: Mapping[str, Sequence[str]] = MappingProxyType({})
    """All values of each query parameter."""
    repeated_headers: Sequence[str] = ()
    """Headers of SINGLE_HEADERS that were given more than once."""
    undecodable: Sequence[str] = ()
    """Variables of the path whose value is not UTF-8."""

    @property
    def repeated(self) -> frozenset[str]:
        """Query parameters that were given more than once."""
        return frozenset(name for name, values in self.values.items() if len(values) > 1)

    @property
    def cookies(self) -> Mapping[str, str]:
        """By name; of several with one name the first, which has the most specific path."""
        pairs = (pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";"))
        return {name: value for name, _, value in reversed(list(pairs)) if name}

    @classmethod
    def from_chalice(cls, raw: ChaliceRequest) -> "Request":
        """The request that Chalice is handling."""
        event = raw.to_original_event()
        query = event["multiValueQueryStringParameters"] or {}
        path, encoded_values = event.get("path") or raw.path, raw.uri_params or {}
        return cls(
            method=raw.method,
            path=path,
            route=raw.path,
            headers=raw.headers,
            path_values={
                name: _with_end(unquote(value), name, raw.path, path) for name, value in encoded_values.items()
            },
            query={name: values[-1] for name, values in query.items()},
            body=cast(bytes, raw.raw_body),
            id=request_id(raw),
            source=str((raw.context.get("identity") or {}).get("sourceIp") or ""),
            values={name: tuple(sent) for name, sent in query.items()},
            repeated_headers=repeated_headers(event),
            undecodable=tuple(name for name, value in encoded_values.items() if not _is_utf8(value)),
        )


def _with_end(value: str, name: str, template: str, path: str) -> str:
    """The value; a `{name+}` with the slash at the path's end, which API Gateway passes in the path alone."""
    is_cut = template.endswith(f"{{{name}+}}") and path.endswith("/") and not value.endswith("/")
    return f"{value}/" if is_cut else value


def _is_utf8(encoded: str) -> bool:
    try:
        unquote(encoded, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def repeated_headers(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The headers of SINGLE_HEADERS that a gateway's event holds more than once, in any case of letters."""
    counts: Counter[str] = Counter()
    for name, values in (event.get("multiValueHeaders") or {}).items():
        counts[name.lower()] += len(values)
    return tuple(name for name in SINGLE_HEADERS if counts[name.lower()] > 1)


def require_single_credential(request: Request) -> None:
    """Raise Unauthenticated for a request with two credentials of one kind."""
    for name in CREDENTIAL_HEADERS:
        if name in request.repeated_headers:
            raise Unauthenticated(f"{name} is given more than once")


def request_id(raw: ChaliceRequest | None) -> str:
    """The API gateway's id of the request, else Lambda's, else a new one."""
    if raw is None:
        return ids.new("req")
    return raw.context.get("requestId") or getattr(raw.lambda_context, "aws_request_id", "") or ids.new("req")

"""What the rest of the house may see of an HTTP request: a small read-only view, free of Chalice."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, cast
from urllib.parse import unquote

from chalice.app import Request as ChaliceRequest

from chalicelib import ids


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
        )


def id_of(raw: ChaliceRequest | None) -> str:
    """The API gateway's id of the request, else Lambda's, else a fresh one."""
    if raw is None:
        return ids.new("req")
    return raw.context.get("requestId") or getattr(raw.lambda_context, "aws_request_id", "") or ids.new("req")

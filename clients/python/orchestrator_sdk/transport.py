"""Send requests with JSON, and repeat those that can be repeated safely."""

import asyncio
import json
import random
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import urllib3

from orchestrator_sdk.errors import ApiError, ConnectionFailed

BACKOFF_SECONDS = (1.0, 10.0)
"""The first and the longest pause; each pause is twice the last one."""
SAFE = frozenset({"GET", "PUT", "PATCH", "DELETE"})
"""Methods that may be repeated. A POST may be repeated only with an Idempotency-Key, or if it was refused unread."""
REFUSED = frozenset({429, 503})


def camel(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Rename fields to the API's names: `project_id` becomes `projectId`."""
    return {re.sub(r"_(\w)", lambda found: found[1].upper(), name): value for name, value in fields.items()}


def query_of(filters: Mapping[str, Any]) -> str:
    """Build the query string of filters: lists with commas, true and false in lower case, without None."""

    def text(value: Any) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)

    texts = {name: text(value) for name, value in camel(filters).items() if value is not None}
    return f"?{urlencode(texts)}" if texts else ""


def segment(value: str) -> str:
    """Encode a value as one segment of a path."""
    return quote(value, safe="")


class Transport:
    """Sends requests of one caller. urllib3 runs in threads, so that the event loop is not blocked."""

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout: float, attempts: int) -> None:
        self.base_url = base_url.rstrip("/")
        self.headers = dict(headers)
        self._attempts = attempts
        self._pool = urllib3.PoolManager(retries=False, timeout=timeout, maxsize=16)

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        fields: Mapping[str, Any] | None = None,
        once: bool = False,
    ) -> Any:
        """Return the answer's JSON. `fields` are sent as a form with files. `once` makes a POST safe to repeat.

        Raises ApiError, ConnectionFailed.
        """
        headers = dict(self.headers)
        if once:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        for attempt in range(1, self._attempts + 1):
            try:
                return await asyncio.to_thread(self._once, method, path, body, fields, headers)
            except ApiError as error:
                if attempt == self._attempts or not _again(error, method, once):
                    raise
                await asyncio.sleep(error.retry_after if error.retry_after is not None else _pause(attempt))
            except ConnectionFailed:
                if attempt == self._attempts or not (once or method in SAFE):
                    raise
                await asyncio.sleep(_pause(attempt))
        raise AssertionError("unreachable")

    def _once(
        self, method: str, path: str, body: Any, fields: Mapping[str, Any] | None, headers: dict[str, str]
    ) -> Any:
        url, content = self.base_url + path, {"fields": fields} if fields is not None else _json(body, headers)
        try:
            answer = self._pool.request(method, url, headers=headers, **content)
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionFailed(f"{method} {path}: {error}") from error
        response = _parse(answer.data)
        if answer.status >= 400:
            raise ApiError(answer.status, {name.lower(): value for name, value in answer.headers.items()}, response)
        return response


def _json(body: Any, headers: dict[str, str]) -> dict[str, Any]:
    if body is None:
        return {}
    headers["Content-Type"] = "application/json"
    return {"body": json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()}


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data) if data else None
    except ValueError:
        return None


def _again(error: ApiError, method: str, once: bool) -> bool:
    if error.status in REFUSED:
        return True
    return error.status >= 500 and (once or method in SAFE)


def _pause(attempt: int) -> float:
    first, longest = BACKOFF_SECONDS
    return random.uniform(0.5, 1.0) * min(longest, first * float(2 ** (attempt - 1)))

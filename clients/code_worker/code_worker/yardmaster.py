"""Register the worker with Yardmaster, and unregister it."""

import asyncio
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from code_worker import __version__
from code_worker.errors import Misconfigured

TIMEOUT_SECONDS = 15.0
MAX_ANSWER_BYTES = 100_000
WRONG = frozenset({400, 401, 403, 404, 405, 422})
"""Statuses that another try would get again."""


class Unreachable(Exception):
    """Yardmaster does not answer, or cannot answer now. The text says which."""


@dataclass(frozen=True)
class Registration:
    """The worker's id, and the URL of its WebSocket."""

    id: str
    socket_url: str


class Yardmaster:
    """The part of the code server API that a worker needs."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    async def register(
        self, name: str, languages: tuple[str, ...], max_concurrent: int, *, runs_tests: bool = False
    ) -> Registration:
        """Register a new worker. Raises Unreachable, or Misconfigured if another try would be refused as well."""
        body = {
            "name": name,
            "version": __version__,
            "languages": list(languages),
            "max_concurrent": max_concurrent,
            "runs_tests": runs_tests,
        }
        answer = await asyncio.to_thread(self._send, "POST", "/api/workers", body)
        if not isinstance(answer, dict) or not isinstance(answer.get("id"), str | int):
            raise Misconfigured(f"{self._url} is no code server of Yardmaster: its answer has no id")
        identifier = str(answer["id"])
        own = f"{self._url.replace('http', 'ws', 1)}/worker/{quote(identifier, safe='')}"
        return Registration(identifier, str(answer.get("endpoint") or own))

    async def unregister(self, identifier: str) -> None:
        """Remove the worker; other workers get its unfinished tasks. Raises Unreachable, Misconfigured."""
        await asyncio.to_thread(self._send, "DELETE", f"/api/workers/{quote(identifier, safe='')}", None)

    def _send(self, method: str, path: str, body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, self._headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                text = answer.read(MAX_ANSWER_BYTES)
            return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            with error:
                if error.code in WRONG:
                    raise Misconfigured(_refusal_text(self._url + path, error.code)) from None
                raise Unreachable(f"{self._url} answered {error.code}") from None
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self._url} does not answer ({type(error).__name__})") from None


def _refusal_text(url: str, status: int) -> str:
    advice = {401: ": set YARDMASTER_TOKEN", 403: ": the token does not allow it", 404: ": is it the code server?"}
    return f"{url} answered {status}{advice.get(status, '')}"

"""One POST whose answer is read line by line as it arrives. Any thread can end it at once."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from code_worker.models.events import ModelError

CONNECT_SECONDS = 10.0
MAX_LINE_BYTES = 1_000_000
MAX_ERROR_BYTES = 20_000


class Cancelled(Exception):
    """The exchange was ended by `close`."""


class Exchange:
    """A request and its answer. It blocks; `close` may be called from another thread."""

    def __init__(
        self, url: str, headers: dict[str, str], body: dict[str, Any], first_seconds: float, idle_seconds: float
    ) -> None:
        """The answer must begin within `first_seconds`, and may then pause for `idle_seconds`."""
        parts = urlsplit(url)
        self._target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
        self._headers = {
            "content-type": "application/json",
            "accept": "*/*",
            "user-agent": "yardmaster-code-worker",
        } | headers
        self._body = json.dumps(body).encode()
        self._first_seconds, self._idle_seconds = first_seconds, idle_seconds
        self._closed = False
        host = parts.hostname or ""
        self._connection = (
            http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=ssl.create_default_context())
            if parts.scheme == "https"
            else http.client.HTTPConnection(host, parts.port, timeout=CONNECT_SECONDS)
        )
        self._socket: socket.socket | None = None
        self.status = 0
        self._response: http.client.HTTPResponse | None = None

    def open(self) -> int:
        """Send the request, and return the status when the answer begins. Raises ModelError, Cancelled."""
        try:
            self._connection.connect()
            self._socket = self._connection.sock  # http.client forgets it where the answer ends the connection
            self._check()
            self._socket.settimeout(self._first_seconds)
            self._connection.request("POST", self._target, self._body, self._headers)
            self._response = self._connection.getresponse()
            self._socket.settimeout(self._idle_seconds)
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(error, "did not answer") from None
        return self._response.status

    def header(self, name: str) -> str | None:
        """Return a header of the answer."""
        assert self._response is not None
        return self._response.headers.get(name)

    def lines(self) -> Iterator[str]:
        """Iterate over the answer's lines as they arrive. Raises ModelError, Cancelled."""
        rest = b""
        for part in self._parts():
            *whole, rest = (rest + part).split(b"\n")
            if len(rest) > MAX_LINE_BYTES:
                raise ModelError("The model's provider sent a line without an end")
            for line in whole:
                yield line.removesuffix(b"\r").decode("utf-8", "replace")
        if rest:
            yield rest.decode("utf-8", "replace")

    def error_text(self) -> str:
        """The beginning of an error's body. It may contain secrets: use it for decisions, and do not show it."""
        content = b""
        for part in self._parts():
            content += part
            if len(content) > MAX_ERROR_BYTES:
                break
        return content[:MAX_ERROR_BYTES].decode("utf-8", "replace")

    def close(self) -> None:
        """End the exchange. A thread that waits in it gets Cancelled at once."""
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):  # it was closed already
                # The plain socket's: that of TLS would forget its state while the other thread reads.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def release(self) -> None:
        """Free the connection; called by the reading thread."""
        if self._response is not None:
            self._response.close()
        self._connection.close()

    def _parts(self) -> Iterator[bytes]:
        assert self._response is not None
        try:
            while part := self._response.read1(65536):
                self._check()
                yield part
            self._check()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise self._failure(error, "stopped in the middle of its answer") from None

    def _check(self) -> None:
        if self._closed:
            raise Cancelled

    def _failure(self, error: Exception, what: str) -> Exception:
        if self._closed:
            return Cancelled()
        if isinstance(error, TimeoutError):
            seconds = self._idle_seconds if self._response else self._first_seconds
            return ModelError(f"The model's provider was silent for {seconds:g} seconds")
        if isinstance(error, ssl.SSLError):
            return ModelError("The model's provider has no valid certificate", retryable=False)
        return ModelError(f"The model's provider {what}")

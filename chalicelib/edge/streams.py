"""Answers in parts: one that is under way, how long to wait between its parts, and all its parts as one."""

from collections.abc import Callable, Iterator
from contextlib import closing
from threading import RLock

from chalicelib import clock
from chalicelib.errors import YardmasterError
from chalicelib.observability import logger

BUFFER_SECONDS = 25.0
"""For how long parts are collected where they cannot be sent one by one. API Gateway waits 29 seconds."""
BUFFER_BYTES = 4_000_000
"""Beyond this no more are collected. Lambda's limit is 6 MB, in base64."""
FIRST_PAUSE_SECONDS = 0.05
MAX_PAUSE_SECONDS = 1.0


class OpenStream(Iterator[bytes]):
    """The parts of an answer that is under way; the first is there already. It may be used from one thread after
    another, and closed from any.

    Its making raises what the making of the first part raises. A later error is logged, ends the parts and is raised.
    """

    def __init__(self, parts: Iterator[bytes], request_id: str) -> None:
        self._parts, self._request_id = parts, request_id
        self._lock, self._has_ended = RLock(), False
        self._then: list[Callable[[], None]] = []
        self._ready = [part] if (part := next(parts, None)) is not None else []

    def __next__(self) -> bytes:
        with self._lock:
            if self._has_ended:
                raise StopIteration
            if self._ready:
                return self._ready.pop()
            try:
                return next(self._parts)
            except Exception as error:
                self._log(error)
                self.close()
                raise

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call `then` once the last part was asked for, or once the stream was closed."""
        self._then.append(then)

    def close(self) -> None:
        """End the parts; does nothing the second time."""
        with self._lock:
            if self._has_ended:
                return
            self._has_ended = True
            close = getattr(self._parts, "close", None)
            if close is not None:
                close()
            for then in self._then:
                then()

    def _log(self, error: Exception) -> None:
        extra = {"request_id": self._request_id}
        if isinstance(error, YardmasterError):
            logger().warning("A stream broke off", extra=extra | {"reason": error.message})
        elif not isinstance(error, StopIteration):
            logger().error("A stream broke off", extra=extra, exc_info=error)


class Pauses:
    """How long to wait after each part, in seconds: longer after each further empty one."""

    def __init__(self) -> None:
        self._next = FIRST_PAUSE_SECONDS

    def after(self, part: bytes) -> float:
        """The pause after this part."""
        if part:
            self._next = FIRST_PAUSE_SECONDS
            return 0.0
        pause, self._next = self._next, min(self._next * 1.5, MAX_PAUSE_SECONDS)
        return pause


def collect(stream: OpenStream) -> bytes:
    """The parts that come within BUFFER_SECONDS, and until there are BUFFER_BYTES, as one; then the stream is closed.

    An error ends them early; it is raised if there is nothing before it.
    """
    collected = bytearray()
    try:
        _collect(stream, collected)
    except Exception:
        if not collected:
            raise
    return bytes(collected)


def _collect(stream: OpenStream, collected: bytearray) -> None:
    until, pauses = clock.steady() + BUFFER_SECONDS * clock.SECOND, Pauses()
    with closing(stream):
        for part in stream:
            collected += part
            if len(collected) >= BUFFER_BYTES or clock.steady() >= until:
                return
            if pause := pauses.after(part):
                clock.sleep(pause)

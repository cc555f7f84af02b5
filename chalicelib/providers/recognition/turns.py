"""Turns: a bounded queue of callers in front of the one engine of this process.

Work that nobody waits for takes its turn behind at most one other of its kind, so that it never fills the queue.
"""

import math
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib import clock
from chalicelib.providers.recognition.recognizer import Busy

MAX_WAITING = 48
MAX_WAITING_OF_ONE = 32
"""Of one caller's org, so that no org takes the whole queue."""
MAX_WAIT_SECONDS = 20.0
"""API Gateway gives up after 29 seconds."""


class Turns:
    """One caller has its turn at a time; others wait, up to limits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engine, self._background = threading.Lock(), threading.Lock()
        self._waiting: Counter[str] = Counter()
        self._usual_seconds = 0.1

    @property
    def waiting(self) -> int:
        """How many callers wait for their turn."""
        return self._waiting.total()

    @contextmanager
    def take(self, org: str) -> Iterator[None]:
        """Wait for a turn, and have it. Raises Busy if too many wait, or the wait takes too long."""
        self._enter(org)
        try:
            has_turn = self._engine.acquire(timeout=MAX_WAIT_SECONDS)
        finally:
            self._leave(org)
        if not has_turn:
            raise self._busy()
        with self._releasing():
            yield

    @contextmanager
    def take_in_background(self) -> Iterator[None]:
        """Wait for a turn for as long as it takes, and have it."""
        with self._background:
            self._engine.acquire()
            with self._releasing():
                yield

    @contextmanager
    def _releasing(self) -> Iterator[None]:
        began = clock.stopwatch()
        try:
            yield
        finally:
            self._usual_seconds += (clock.stopwatch() - began - self._usual_seconds) / 8
            self._engine.release()

    def _enter(self, org: str) -> None:
        with self._lock:
            if self.waiting >= MAX_WAITING or self._waiting[org] >= MAX_WAITING_OF_ONE:
                raise self._busy()
            self._waiting[org] += 1

    def _leave(self, org: str) -> None:
        with self._lock:
            self._waiting[org] -= 1
            if not self._waiting[org]:
                del self._waiting[org]

    def _busy(self) -> Busy:
        seconds = max(1, math.ceil(self.waiting * self._usual_seconds / 2))
        return Busy(f"{self.waiting} requests wait for the engine; try again in {seconds} seconds", retry_after=seconds)

"""Whose call to moto is next: moto does one at a time, and requests do not queue behind all that works in the back.

In AWS a request never waits for the engine's functions. Here all of them share a lock and one Python: while tasks are
handed over, a dozen threads would stand before each call of a request. So there are two queues, one of requests and one
of all others, which are served by turns: neither can crowd out the other.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_SECONDS = 0.0005
"""How long a thread keeps Python from others that want it; by default it is ten times as long, and a request, which
must come by it at each of its steps, waits as often."""

_here = threading.local()


def serve_requests() -> None:
    """This thread works for somebody who waits for an answer, from now on."""
    _here.serves = True


class Turns:
    """One caller at a time."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._busy = False
        self._requests, self._others = deque[threading.Lock](), deque[threading.Lock]()
        self._having = threading.local()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._requests) + len(self._others)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn, and have it until the end. Who has it may ask again: moto's services call each other."""
        if getattr(self._having, "now", False):
            yield
            return
        queues = self._requests, self._others
        mine, theirs = queues if getattr(_here, "serves", False) else queues[::-1]
        self._wait(mine)
        self._having.now = True
        try:
            yield
        finally:
            self._having.now = False
            self._pass_on(theirs, mine)

    def _wait(self, queue: deque[threading.Lock]) -> None:
        called = threading.Lock()
        with self._state:
            if not self._busy:
                self._busy = True
                return
            called.acquire()
            queue.append(called)
        called.acquire()

    def _pass_on(self, *queues: deque[threading.Lock]) -> None:
        """The turn goes to the first who waits in the first of the queues in which somebody does."""
        with self._state:
            following = next((queue.popleft() for queue in queues if queue), None)
            if following is None:
                self._busy = False
            else:
                following.release()

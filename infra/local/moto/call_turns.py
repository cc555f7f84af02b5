"""Which call to moto is next. moto handles one call at a time, and requests must not wait behind background work.

In AWS a request never waits for the engine's functions. Here all of them share a lock and one Python process: while
tasks are handed over, a dozen threads would wait before each call of a request. So there are two queues, which take
turns: one of requests, and one of all other callers.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_SECONDS = 0.0005
"""How long a thread holds Python's interpreter lock while others wait for it. The default is ten times as long, and a
request has to wait for the lock at each of its steps."""

_thread = threading.local()


def serve_requests() -> None:
    """From now on the calling thread's calls belong to a request, for whose answer somebody waits."""
    _thread.serves_request = True


class Turns:
    """Lets one caller at a time through."""

    def __init__(self) -> None:
        self._state = threading.Lock()
        self._busy = False
        self._requests, self._others = deque[threading.Lock](), deque[threading.Lock]()
        self._holder = threading.local()

    @property
    def waiting_count(self) -> int:
        """How many callers wait."""
        return len(self._requests) + len(self._others)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the caller's turn, which lasts until the end of the block. It can be entered again within the block,
        because moto's services call each other."""
        if getattr(self._holder, "has_turn", False):
            yield
            return
        queues = self._requests, self._others
        own_queue, other_queue = queues if getattr(_thread, "serves_request", False) else queues[::-1]
        self._wait_for_turn(own_queue)
        self._holder.has_turn = True
        try:
            yield
        finally:
            self._holder.has_turn = False
            self._pass_on(other_queue, own_queue)

    def _wait_for_turn(self, queue: deque[threading.Lock]) -> None:
        own_lock = threading.Lock()
        with self._state:
            if not self._busy:
                self._busy = True
                return
            own_lock.acquire()
            queue.append(own_lock)
        own_lock.acquire()

    def _pass_on(self, *queues: deque[threading.Lock]) -> None:
        """Pass the turn to the first waiting caller of the first queue that is not empty."""
        with self._state:
            next_caller = next((queue.popleft() for queue in queues if queue), None)
            if next_caller is None:
                self._busy = False
            else:
                next_caller.release()

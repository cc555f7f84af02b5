"""At most one other caller goes before a request, however many wait."""

from concurrent.futures import Executor, ThreadPoolExecutor
from threading import Event

import pytest

from infra.local.moto import call_turns
from infra.local.moto.call_turns import Turns

PATIENCE_SECONDS = 10


class Queue:
    """Callers that wait for their turns, and the order of the turns."""

    def __init__(self) -> None:
        self.turns, self.order, self._arrived = Turns(), list[str](), Event()

    def stand(self, threads: Executor, name: str, until: Event | None = None) -> None:
        """Start a caller, and wait until it has its turn or waits for it."""
        before, begun = self.turns.waiting_count, Event()
        threads.submit(self._called, name, begun, until)
        while not begun.is_set() and self.turns.waiting_count == before:
            self._arrived.wait(0.001)

    def _called(self, name: str, begun: Event, until: Event | None) -> None:
        with self.turns.turn():
            begun.set()
            self.order.append(name)
            assert until is None or until.wait(PATIENCE_SECONDS)


def test_requests_and_others_are_served_by_turns_each_in_order() -> None:
    queue, hold = Queue(), Event()
    with ThreadPoolExecutor(8) as others, ThreadPoolExecutor(8, initializer=call_turns.serve_requests) as requests:
        queue.stand(others, "a", hold)
        for name in "bcd":
            queue.stand(others, name)
        for name in "12":
            queue.stand(requests, name)
        hold.set()
    assert queue.order == ["a", "1", "b", "2", "c", "d"]
    assert queue.turns.waiting_count == 0


def test_a_turn_ends_with_what_was_done_in_it_and_though_it_failed() -> None:
    queue = Queue()
    with pytest.raises(ZeroDivisionError), queue.turns.turn(), queue.turns.turn():
        raise ZeroDivisionError
    with ThreadPoolExecutor(1) as others:
        queue.stand(others, "a")
    assert queue.order == ["a"]

"""Turns: one caller at a time, a bounded queue, and background work that does not fill it."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from chalicelib.providers.recognition import turns as module
from chalicelib.providers.recognition.recognizer import Busy
from chalicelib.providers.recognition.turns import MAX_WAITING, MAX_WAITING_OF_ONE, Turns

PATIENCE = 30.0


@contextmanager
def waiting(turns: Turns, count: int, org: str) -> Iterator[list[str]]:
    """Queue this many callers of an org; yields the callers that had a turn. At the end all have had one."""
    served: list[str] = []

    def call() -> None:
        with turns.take(org):
            served.append(org)

    threads = [threading.Thread(target=call) for _ in range(count)]
    before = turns.waiting
    for thread in threads:
        thread.start()
    while turns.waiting < before + count:
        threading.Event().wait(0.001)
    try:
        yield served
    finally:
        for thread in threads:
            thread.join(PATIENCE)


def test_one_has_its_turn_and_the_others_wait_for_theirs() -> None:
    turns = Turns()
    with ExitStack() as queue, turns.take("acme"):
        served = queue.enter_context(waiting(turns, 20, "acme"))
        assert served == []
    assert len(served) == 20
    assert turns.waiting == 0


def test_a_full_queue_refuses_and_says_when_to_come_again() -> None:
    turns = Turns()
    with ExitStack() as queue, turns.take("acme"):
        inner = ExitStack()
        orgs = {"one": MAX_WAITING_OF_ONE, "two": MAX_WAITING - MAX_WAITING_OF_ONE}
        for org, count in orgs.items():
            queue.callback(inner.close)
            inner.enter_context(waiting(turns, count, org))
        with pytest.raises(Busy, match=f"{MAX_WAITING} requests wait for the engine") as busy, turns.take("three"):
            pytest.fail("it had a turn")
        assert busy.value.retry_after == 3, "at a tenth of a second each, half of them are done by then"
        queue.pop_all()
    inner.close()


def test_one_org_does_not_fill_the_queue_for_the_others() -> None:
    turns = Turns()
    inner = ExitStack()
    with turns.take("acme"):
        inner.enter_context(waiting(turns, MAX_WAITING_OF_ONE, "greedy"))
        with pytest.raises(Busy), turns.take("greedy"):
            pytest.fail("it had a turn")
        modest = inner.enter_context(waiting(turns, 1, "modest"))
    inner.close()
    assert modest == ["modest"]


def test_a_wait_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 0.01)
    turns = Turns()
    with turns.take("acme"):
        with pytest.raises(Busy) as busy, turns.take("acme"):
            pytest.fail("it had a turn")
        assert busy.value.retry_after >= 1
    assert turns.waiting == 0
    with turns.take("acme"):
        pass


def test_a_turn_that_fails_is_over() -> None:
    turns = Turns()
    for take in (lambda: turns.take("acme"), turns.take_in_background):
        with pytest.raises(RuntimeError, match="boom"), take():
            raise RuntimeError("boom")
    with turns.take("acme"):
        pass


def test_background_work_is_one_caller_among_the_others() -> None:
    turns = Turns()
    begun, served = threading.Barrier(9), []

    def work() -> None:
        begun.wait(PATIENCE)
        with turns.take_in_background():
            served.append("background")

    threads = [threading.Thread(target=work) for _ in range(8)]
    with turns.take("acme"):
        for thread in threads:
            thread.start()
        begun.wait(PATIENCE)
        assert turns.waiting == 0, "it takes nobody's place in the queue"
    for thread in threads:
        thread.join(PATIENCE)
    assert served == ["background"] * 8

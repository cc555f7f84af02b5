"""The optimistic loop: the number of attempts, and which refused write counts as written."""

from typing import Any

import pytest

from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import (
    FIRST_PAUSE_S,
    LONGEST_PAUSE_S,
    TRIES,
    Precondition,
    StaleRead,
    TooManyWriters,
)
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem
from tests.support.world import World


class Attempts:
    """An action whose first `stale` attempts read an old version."""

    def __init__(self, stale: int) -> None:
        self.stale = stale
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        if self.made <= self.stale:
            raise StaleRead
        return "written"


def test_an_attempt_is_made_again_until_nobody_wrote_in_between() -> None:
    attempts = Attempts(TRIES - 1)
    assert (optimistic.retry(attempts), attempts.made) == ("written", TRIES)


def test_the_caller_is_asked_to_try_later_after_too_many_attempts() -> None:
    attempts = Attempts(100)
    with pytest.raises(TooManyWriters, match="This row is busy") as busy:
        optimistic.retry(attempts, tries=3, message="This row is busy")
    assert attempts.made == 3
    assert (busy.value.status, busy.value.retry_after) == (503, 1)


def test_attempts_after_the_second_wait_and_none_for_too_long(world: World) -> None:
    def waited_ms(stale: int) -> int:
        start = world.clock.steady()
        optimistic.retry(Attempts(stale), tries=40)
        return world.clock.steady() - start

    assert [waited_ms(0), waited_ms(1)] == [0, 0]
    assert 0 < sum(waited_ms(2) for _ in range(10)) <= 10_000 * FIRST_PAUSE_S
    assert 1_000 * LONGEST_PAUSE_S < waited_ms(39) <= 38_000 * LONGEST_PAUSE_S


def test_any_other_error_ends_the_loop_at_once() -> None:
    def attempt() -> None:
        raise NotFound("Task", "task_1")

    with pytest.raises(NotFound):
        optimistic.retry(attempt)


@pytest.mark.parametrize(
    ("failed", "stored", "strict", "raised"),
    [
        ((True,), {"version": {"N": "2"}}, False, None),  # the very write, sent twice by the client
        ((True,), {"version": {"N": "3"}}, False, StaleRead),
        ((True,), None, False, StaleRead),
        ((False, True), None, False, StaleRead),
        ((False, True), None, True, ConditionFailed),
        ((True, True), {"version": {"N": "3"}}, True, StaleRead),
    ],
)
def test_a_refused_change_is_written_already_or_stale(
    failed: tuple[bool, ...],
    stored: RawItem | None,
    strict: bool,
    raised: type[Exception] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*writes: Any) -> None:
        raise ConditionFailed(failed, [stored, *[None] * (len(failed) - 1)])

    monkeypatch.setattr(dynamodb, "commit", refuse)

    def change() -> None:
        optimistic.commit_change(2, lambda raw: int(raw["version"]["N"]), [], strict=strict)

    if raised is None:
        change()
    else:
        with pytest.raises(raised):
            change()


def test_the_first_precondition_that_does_not_hold_gives_the_error() -> None:
    check: Any = None
    preconditions = [Precondition(check, NotFound("Project", "p")), Precondition(check, Conflict("agent"))]
    refused = ConditionFailed([False, False, True, True], [None] * 4)
    assert optimistic.unmet_error(preconditions, refused) is preconditions[1].error
    assert optimistic.unmet_error(preconditions, ConditionFailed([True, False, False, True], [None] * 4)) is None

"""Slots: how many slow requests of an org may run at once."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.engine.security import long_call_slots
from chalicelib.errors import TooManyRequests, Unavailable
from chalicelib.storage.access import long_call_slots as storage
from tests.support import aws
from tests.support.world import World

MOST, SECONDS = 3, 20


def take_slot(stack: ExitStack, org: str = "acme", kind: str = "k") -> bool:
    return stack.enter_context(long_call_slots.hold_slot(org, kind, MOST, SECONDS))


def test_an_org_has_so_many_of_a_kind_and_others_have_theirs(world: World) -> None:
    with ExitStack() as stack:
        assert [take_slot(stack) for _ in range(5)] == [True, True, True, False, False]
        assert take_slot(stack, org="other") and take_slot(stack, kind="another")
    with ExitStack() as stack:
        assert [take_slot(stack) for _ in range(4)] == [True, True, True, False], "all were given back"


def test_a_slot_is_given_back_whatever_becomes_of_the_request(world: World) -> None:
    for _ in range(2 * MOST):
        with pytest.raises(ZeroDivisionError), long_call_slots.hold_required_slot("acme", "k", MOST, SECONDS):
            raise ZeroDivisionError


def test_the_last_slot_is_held_also_when_the_answer_was_lost(world: World) -> None:
    def send_again(_: aws.Call, send: Callable[[], Any]) -> Any:
        send()
        return send()

    with ExitStack() as stack:
        assert [take_slot(stack) for _ in range(MOST - 1)] == [True, True]
        with aws.interfering(send_again):
            assert take_slot(stack)
        assert not take_slot(stack)


def test_what_needs_one_is_refused_without(world: World) -> None:
    with ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(long_call_slots.hold_required_slot("acme", "k", MOST, SECONDS))
        with pytest.raises(TooManyRequests, match="At most 3 of these requests at once"):
            stack.enter_context(long_call_slots.hold_required_slot("acme", "k", MOST, SECONDS))


def abandon_slots(number: int = MOST) -> None:
    """Take slots in requests that die."""
    until = clock.now() + long_call_slots._max_hold_ms(SECONDS)
    for each in range(number):
        assert not storage.take("acme", "k", MOST, f"{until:014d}.{each}")


def test_those_of_requests_that_died_are_free_again_after_a_while(world: World) -> None:
    abandon_slots()
    with ExitStack() as stack:
        world.clock.advance(SECONDS + long_call_slots.MARGIN_SECONDS - 1)
        assert not take_slot(stack)
        world.clock.advance(1)
        assert [take_slot(stack) for _ in range(4)] == [True, True, True, False]


def test_a_kind_that_rests_has_no_slots_until_it_wakes(world: World) -> None:
    long_call_slots.rest("acme", "k", 30_000)
    long_call_slots.rest("acme", "k", 10_000)
    with ExitStack() as stack:
        assert take_slot(stack, org="other") and take_slot(stack, kind="another")
        with long_call_slots.try_slot("acme", "k", MOST, SECONDS) as refusal:
            assert refusal is not None
            assert (refusal.rest_until_ms - clock.now(), refusal.tokens) == (30_000, frozenset())
        world.clock.advance(30)
        assert [take_slot(stack) for _ in range(4)] == [True, True, True, False]


def test_no_kind_rests_for_ever(world: World) -> None:
    long_call_slots.rest("acme", "k", 10**12)
    world.clock.advance(3600)
    with ExitStack() as stack:
        assert take_slot(stack)


def test_a_clock_that_steps_back_blocks_none(world: World) -> None:
    abandon_slots()
    before = clock.use(clock.ManualClock(clock.now() - clock.HOUR))
    with ExitStack() as stack:
        assert take_slot(stack)
    clock.use(before)


def test_it_costs_two_calls_and_where_requests_died_four(world: World) -> None:
    def count_calls() -> int:
        with aws.counting() as counted, long_call_slots.hold_slot("acme", "k", MOST, SECONDS):
            pass
        return counted.total()

    assert count_calls() == 2
    abandon_slots()
    world.clock.advance(60)
    assert count_calls() == 4


def test_a_table_that_does_not_answer_when_a_slot_is_given_back_spoils_nothing(world: World) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("The database is busy; try again")

    with long_call_slots.hold_slot("acme", "k", MOST, SECONDS) as held, aws.interfering(refuse):
        assert held
    with pytest.raises(Unavailable), aws.interfering(refuse), long_call_slots.hold_slot("acme", "k", MOST, SECONDS):
        raise AssertionError("there is none")

"""Whoever has to do with notifications dies before each of its calls and after the last, and all messages arrive: twice
only where it died between a provider's acknowledgement and the note of it."""

from collections.abc import Callable

import pytest

from chalicelib.providers.messengers.discord import Discord
from tests.simulation.faults import Killed, dying_before
from tests.support.messengers import ACCOUNTS, DEAD, TOO_MANY, Messengers, configure, messengers
from tests.support.world import World, answer, new_world

MOST_CALLS = 24
LONG = "word " * 500
Act = Callable[[], object]


def _tell(by: Messengers) -> Act:
    configure({name: ACCOUNTS[name] for name in ("telegram", "discord")})
    return lambda: by.send(LONG, key="once")


def _send(by: Messengers) -> Act:
    _tell(by)()
    return lambda: by.world.handle("notifications")


def _fail(by: Messengers) -> Act:
    by.telegram.reply = answer(500)
    return _send(by)


def _rest(by: Messengers) -> Act:
    by.telegram.reply = answer(429, TOO_MANY)
    by.discord.reply = DEAD
    return _send(by)


STORIES = {"tell": _tell, "send": _send, "fail": _fail, "rest": _rest}


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_loses_nothing(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            by = messengers(world)
            act = STORIES[story](by)
            died = _dies(world, act, number)
            _comes_back(by, story, act)
            _arrived(by, died)
        if not died:
            assert number > 1, "the story made hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")


def _dies(world: World, act: Act, number: int) -> bool:
    with dying_before(world, number):
        try:
            act()
        except Killed:
            return True
    return False


def _comes_back(by: Messengers, story: str, act: Act) -> None:
    """The caller tries again, or the queue gives its messages once more; the providers are well again; time passes."""
    by.telegram.reply = by.discord.reply = None
    if story == "tell":
        act()
    else:
        by.world.return_messages("notifications")
    by.world.settle()
    while any(found.wake_at for found in by.latest().deliveries.values()):
        by.world.clock.advance(61)
        by.world.sweep()
        by.world.settle()


def _arrived(by: Messengers, died: bool) -> None:
    assert {found.status for found in by.latest().deliveries.values()} == {"delivered"}
    texts = [one["content"] for one in by.discord.sent]
    assert set(texts) == set(Discord().split(f"ℹ️ {LONG}"))
    assert len(texts) <= 2 + died, "what was acknowledged, and noted, is not sent again"
    assert len(by.telegram.sent) <= 1 + died

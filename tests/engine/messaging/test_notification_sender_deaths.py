"""Each function that handles notifications dies before each of its calls and after the last, and all messages arrive. A
message arrives twice only after a death between a provider's acknowledgement and its record."""

from collections.abc import Callable

import pytest

from chalicelib.providers.messengers.discord import Discord
from tests.simulation.faults import dies_before
from tests.support.messengers import ACCOUNTS, DEAD, TOO_MANY, Messengers, configure, messengers
from tests.support.world import answer, new_world

MOST_CALLS = 24
LONG = "word " * 500
Act = Callable[[], object]


def _tell(providers: Messengers) -> Act:
    configure({name: ACCOUNTS[name] for name in ("telegram", "discord")})
    return lambda: providers.send(LONG, key="once")


def _send(providers: Messengers) -> Act:
    _tell(providers)()
    return lambda: providers.world.handle("notifications")


def _fail(providers: Messengers) -> Act:
    providers.telegram.reply = answer(500)
    return _send(providers)


def _rest(providers: Messengers) -> Act:
    providers.telegram.reply = answer(429, TOO_MANY)
    providers.discord.reply = DEAD
    return _send(providers)


STORIES = {"tell": _tell, "send": _send, "fail": _fail, "rest": _rest}


@pytest.mark.parametrize("story", STORIES)
def test_a_death_at_any_call_loses_nothing(story: str) -> None:
    for number in range(MOST_CALLS):
        with new_world(number) as world:
            providers = messengers(world)
            act = STORIES[story](providers)
            died = dies_before(world, act, number)
            _recover(providers, story, act)
            _require_arrived(providers, died)
        if not died:
            assert number > 1, "the story made hardly a call"
            return
    raise AssertionError("the story makes more calls than were tried")


def _recover(providers: Messengers, story: str, act: Act) -> None:
    """The caller repeats its call, or the queue delivers its messages again; the providers work again; time passes."""
    providers.telegram.reply = providers.discord.reply = None
    if story == "tell":
        act()
    else:
        providers.world.return_messages("notifications")
    providers.world.settle()
    while any(found.wake_at for found in providers.latest().deliveries.values()):
        providers.world.clock.advance(61)
        providers.world.sweep()
        providers.world.settle()


def _require_arrived(providers: Messengers, died: bool) -> None:
    assert {found.status for found in providers.latest().deliveries.values()} == {"delivered"}
    texts = [one["content"] for one in providers.discord.sent]
    assert set(texts) == set(Discord().split(f"ℹ️ {LONG}"))
    assert len(texts) <= 2 + died, "what was acknowledged, and noted, is not sent again"
    assert len(providers.telegram.sent) <= 1 + died

"""Receivers that do not answer, beside others that do: functions of a limited number run side by side, and nobody else
waits for those that hang."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.deliveries import delivery as webhook_rules
from chalicelib.domain.deliveries import notification as rules
from chalicelib.engine.deliveries import attempt_queue
from chalicelib.engine.messaging import notifications
from chalicelib.engine.messaging.notifications import Filter
from chalicelib.providers.http.outbound import Response, Unreachable
from chalicelib.storage.deliveries import deliveries as storage
from chalicelib.storage.deliveries.deliveries import Key
from infra.engine import ENGINE
from infra.functions import Queue
from tests.engine.receivers import fact, happen, receiver
from tests.support.fleet import Fleet, fleet
from tests.support.messengers import ACCOUNTS, Discord, Telegram
from tests.support.world import ORG, answer

OTHER = "umbra"
HANG = 10.0
MANY = 40
SLOW = 0.1
"""Seconds that a call to a table or queue takes in stories that last for minutes: they are told in fewer steps."""
FUNCTIONS = pytest.mark.parametrize("functions", [4, 16, 50])
"""How many may run at once: fewer than here, as here, and as in AWS."""


@dataclass
class Hanging:
    """A receiver that does not answer until it is `well`; how often it was asked, and by how many at once."""

    fleet: Fleet
    seconds: float
    well: Callable[..., Response] | None = None
    asked: list[int] = field(default_factory=list)
    at_once: list[int] = field(default_factory=lambda: [0])

    def __call__(self, *said: Any) -> Response:
        if self.well is not None:
            return self.well(*said)
        self.asked.append(clock.now())
        self.at_once.append(self.at_once[-1] + 1)
        self.fleet.timeline.pause(self.seconds)
        self.at_once.append(self.at_once[-1] - 1)
        raise Unreachable("timed out", "the host did not answer in time")


@dataclass
class Street:
    """An org whose Telegram hangs, its Discord, and another org's Telegram."""

    fleet: Fleet
    hanging: Hanging
    telegram: Telegram
    discord: Discord
    neighbour: Telegram

    def flood(self) -> None:
        for number in range(MANY):
            notifications.enqueue_notification(ORG, f"lost {number}", providers=["telegram"])

    def neighbours(self, number: int) -> None:
        notifications.enqueue_notification(ORG, f"ours {number}", providers=["discord"])
        notifications.enqueue_notification(OTHER, f"theirs {number}", providers=["telegram"])


MOST = {one.name: one.trigger.concurrency for one in ENGINE.functions if isinstance(one.trigger, Queue)}
Fleets = Callable[..., Fleet]


@pytest.fixture
def fleets() -> Iterator[Fleets]:
    """Makes a deployment in which so many functions of a kind may run at once."""
    with ExitStack() as stack:

        def make(kind: str, functions: int, call_seconds: float = 0.008) -> Fleet:
            return stack.enter_context(fleet(0, call_seconds, functions / MOST[kind]))

        yield make


def street(fleets: Fleets, functions: int, call_seconds: float = 0.008) -> Street:
    fleet = fleets("notifications", functions, call_seconds)
    made = Street(fleet, Hanging(fleet, HANG), Telegram(), Discord(), Telegram())
    theirs = {"telegram": ACCOUNTS["telegram"] | {"api_url": "https://theirs.example"}}
    config.replace(messengers=json.dumps({ORG: ACCOUNTS, OTHER: theirs}))
    fleet.world.servers |= {
        "telegram.example": made.hanging,
        "discord.example": made.discord,
        "theirs.example": made.neighbour,
    }
    return made


def late_updates(fleets: Fleets, functions: int, seconds: int = 60) -> int:
    """Of a minute in which neighbours send a message each second: how many had not gone out when the next one came."""
    made, late = street(fleets, functions), 0
    made.flood()
    for number in range(seconds):
        made.neighbours(number)
        made.fleet.run(1)
        late += 2 * (number + 1) - len(made.discord.sent) - len(made.neighbour.sent)
    return late


@FUNCTIONS
def test_a_messenger_that_hangs_holds_up_nobody_else(fleets: Fleets, functions: int) -> None:
    assert late_updates(fleets, functions) == 0


def test_without_lanes_the_first_messages_hold_all_functions(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_queue, "message_group", lambda found, _: found.id)
    assert late_updates(fleets, 16, seconds=5) > 0


def test_it_is_asked_by_few_at_once_then_by_one_at_growing_intervals(fleets: Fleets) -> None:
    made = street(fleets, 50, SLOW)
    made.flood()
    made.fleet.run(15 * 60)
    asked = [(at - made.hanging.asked[0]) / clock.SECOND for at in made.hanging.asked]
    assert max(made.hanging.at_once) == rules.MESSAGE_GROUPS
    # Two hang and make it known; then one trial after each pause, which begins when the one before has failed.
    assert [later - earlier for earlier, later in pairwise(asked[1:])][:6] == [
        pytest.approx(HANG + pause, abs=3) for pause in (15, 30, 60, 120, 240, 300)
    ]
    [shown] = notifications.list_history(ORG, Filter(), 1).notifications
    reason = str(shown.deliveries["telegram"].reason)
    assert reason.startswith("the receiver has not answered") and "in a row" in reason


def test_without_a_pause_it_is_asked_again_and_again(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_rules, "MIN_UNANSWERED_TO_PAUSE", 10**6)
    made = street(fleets, 50, SLOW)
    made.flood()
    made.fleet.run(120)
    assert len(made.hanging.asked) > 12


def test_all_arrives_once_when_it_answers_again(fleets: Fleets) -> None:
    made = street(fleets, 50, SLOW)
    made.flood()
    made.fleet.run(200)
    made.hanging.well = made.telegram
    made.fleet.run(10 * 60)
    assert sorted(one["text"] for one in made.telegram.sent) == sorted(f"ℹ️ lost {number}" for number in range(MANY))
    notifications.enqueue_notification(ORG, "at once", providers=["telegram"])
    made.fleet.run(1)
    assert made.telegram.sent[-1]["text"] == "ℹ️ at once"


def test_what_is_critical_has_a_way_of_its_own_and_waits_for_a_pause_alone(fleets: Fleets) -> None:
    made = street(fleets, 50)
    made.flood()
    made.fleet.run(1)
    notifications.enqueue_notification(ORG, "fire", kind="critical")
    made.fleet.run(1)
    assert len(made.hanging.asked) == rules.MESSAGE_GROUPS + 1, "it does not wait behind forty others"
    assert [one["content"] for one in made.discord.sent] == ["🚨 fire"]
    made.hanging.well = made.telegram
    made.fleet.run(60)
    assert "🚨 fire" in [one["text"] for one in made.telegram.sent]


def test_a_provider_that_refuses_at_once_is_not_paused(fleets: Fleets) -> None:
    made = street(fleets, 50, SLOW)
    made.hanging.well = lambda *_: answer(500)
    made.flood()
    made.fleet.run(60)
    health = storage.load_attempt_data([Key.from_delivery(_any())]).healths[ORG, "telegram"]
    assert (health.is_troubled, health.unanswered, health.paused_until) == (True, 0, None)


def _any() -> Any:
    return notifications.list_history(ORG, Filter(), 1).notifications[0].deliveries["telegram"]


# Webhooks


def late_posts(fleets: Fleets, functions: int, seconds: int) -> tuple[int, Hanging]:
    """As `late_updates`, of webhooks: two hundred events for one that hangs, one a second for another."""
    fleet = fleets("webhooks", functions)
    bad, good = receiver(fleet.world, "bad"), receiver(fleet.world, "good", Topic.TASK_DELETED)
    hanging, late = Hanging(fleet, webhook_rules.TIMEOUT_SECONDS), 0
    bad.reply = hanging
    for number in range(0, 200, 50):
        happen(*(fact(1_000 + number + one) for one in range(50)))
    fleet.run(1)
    for number in range(seconds):
        happen(fact(number, Topic.TASK_DELETED))
        fleet.run(1)
        late += number + 1 - len(set(good.events))
    return late, hanging


@pytest.mark.parametrize("functions", [16, 250])
def test_a_webhook_that_hangs_holds_up_no_other(fleets: Fleets, functions: int) -> None:
    late, hanging = late_posts(fleets, functions, 40)
    assert (late, max(hanging.at_once)) == (0, webhook_rules.MESSAGE_GROUPS)


def test_without_lanes_a_webhook_s_first_burst_holds_all_functions(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_queue, "message_group", lambda found, _: found.id)
    assert late_posts(fleets, 16, 3)[0] > 0

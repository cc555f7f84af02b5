"""Receivers that do not answer, beside others that do. A limited number of functions run at once, and hanging receivers
delay nobody else."""

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

pytestmark = pytest.mark.long

OTHER = "umbra"
HANG = 10.0
MANY = 40
SLOW = 0.1
"""Seconds of a call to a table or queue in stories that take minutes, so that they need fewer steps."""
FUNCTIONS = pytest.mark.parametrize("functions", [4, 16, 50])
"""How many functions may run at once: fewer than on this machine, the same number, and as many as in AWS."""


@dataclass
class Hanging:
    """A receiver that does not answer until it is `well`. It records the time of each request, and how many were open
    at once."""

    fleet: Fleet
    seconds: float
    well: Callable[..., Response] | None = None
    requested_at: list[int] = field(default_factory=list)
    at_once: list[int] = field(default_factory=lambda: [0])

    def __call__(self, *said: Any) -> Response:
        if self.well is not None:
            return self.well(*said)
        self.requested_at.append(clock.now())
        self.at_once.append(self.at_once[-1] + 1)
        self.fleet.timeline.pause(self.seconds)
        self.at_once.append(self.at_once[-1] - 1)
        raise Unreachable("timed out", "the host did not answer in time")


@dataclass
class TwoOrgs:
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
    """Makes a deployment in which this many functions of a kind may run at once."""
    with ExitStack() as stack:

        def make(kind: str, functions: int, call_seconds: float = 0.008) -> Fleet:
            return stack.enter_context(fleet(0, call_seconds, functions / MOST[kind]))

        yield make


def make_orgs(fleets: Fleets, functions: int, call_seconds: float = 0.008) -> TwoOrgs:
    fleet = fleets("notifications", functions, call_seconds)
    orgs = TwoOrgs(fleet, Hanging(fleet, HANG), Telegram(), Discord(), Telegram())
    theirs = {"telegram": ACCOUNTS["telegram"] | {"api_url": "https://theirs.example"}}
    config.replace(messengers=json.dumps({ORG: ACCOUNTS, OTHER: theirs}))
    fleet.world.servers |= {
        "telegram.example": orgs.hanging,
        "discord.example": orgs.discord,
        "theirs.example": orgs.neighbour,
    }
    return orgs


def count_late_updates(fleets: Fleets, functions: int, seconds: int = 60) -> int:
    """The neighbours send a message each second. Returns how many were not sent before the next one came."""
    orgs, late = make_orgs(fleets, functions), 0
    orgs.flood()
    for number in range(seconds):
        orgs.neighbours(number)
        orgs.fleet.run(1)
        late += 2 * (number + 1) - len(orgs.discord.sent) - len(orgs.neighbour.sent)
    return late


@FUNCTIONS
def test_a_messenger_that_hangs_delays_nobody_else(fleets: Fleets, functions: int) -> None:
    assert count_late_updates(fleets, functions) == 0


def test_without_lanes_the_first_messages_hold_all_functions(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt_queue, "message_group", lambda found, _: found.id)
    assert count_late_updates(fleets, 16, seconds=5) > 0


def test_it_is_asked_by_few_at_once_then_by_one_at_growing_intervals(fleets: Fleets) -> None:
    orgs = make_orgs(fleets, 50, SLOW)
    orgs.flood()
    orgs.fleet.run(15 * 60)
    request_seconds = [(at - orgs.hanging.requested_at[0]) / clock.SECOND for at in orgs.hanging.requested_at]
    assert max(orgs.hanging.at_once) == rules.MESSAGE_GROUPS
    # Two hang and make it known; then one trial after each pause, which begins when the one before has failed.
    assert [later - earlier for earlier, later in pairwise(request_seconds[1:])][:6] == [
        pytest.approx(HANG + pause, abs=3) for pause in (15, 30, 60, 120, 240, 300)
    ]
    [shown] = notifications.list_history(ORG, Filter(), 1).notifications
    reason = str(shown.deliveries["telegram"].reason)
    assert reason.startswith("the receiver has not answered") and "in a row" in reason


def test_without_a_pause_it_is_asked_again_and_again(fleets: Fleets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_rules, "MIN_UNANSWERED_TO_PAUSE", 10**6)
    orgs = make_orgs(fleets, 50, SLOW)
    orgs.flood()
    orgs.fleet.run(120)
    assert len(orgs.hanging.requested_at) > 12


def test_all_arrives_once_when_it_answers_again(fleets: Fleets) -> None:
    orgs = make_orgs(fleets, 50, SLOW)
    orgs.flood()
    orgs.fleet.run(200)
    orgs.hanging.well = orgs.telegram
    orgs.fleet.run(10 * 60)
    assert sorted(one["text"] for one in orgs.telegram.sent) == sorted(f"ℹ️ lost {number}" for number in range(MANY))
    notifications.enqueue_notification(ORG, "at once", providers=["telegram"])
    orgs.fleet.run(1)
    assert orgs.telegram.sent[-1]["text"] == "ℹ️ at once"


def test_what_is_critical_has_a_way_of_its_own_and_waits_for_a_pause_alone(fleets: Fleets) -> None:
    orgs = make_orgs(fleets, 50)
    orgs.flood()
    orgs.fleet.run(1)
    notifications.enqueue_notification(ORG, "fire", kind="critical")
    orgs.fleet.run(1)
    assert len(orgs.hanging.requested_at) == rules.MESSAGE_GROUPS + 1, "it does not wait behind forty others"
    assert [one["content"] for one in orgs.discord.sent] == ["🚨 fire"]
    orgs.hanging.well = orgs.telegram
    orgs.fleet.run(60)
    assert "🚨 fire" in [one["text"] for one in orgs.telegram.sent]


def test_a_provider_that_refuses_at_once_is_not_paused(fleets: Fleets) -> None:
    orgs = make_orgs(fleets, 50, SLOW)
    orgs.hanging.well = lambda *_: answer(500)
    orgs.flood()
    orgs.fleet.run(60)
    health = storage.load_attempt_data([Key.from_delivery(_latest_delivery())]).healths[ORG, "telegram"]
    assert (health.is_troubled, health.unanswered, health.paused_until) == (True, 0, None)


def _latest_delivery() -> Any:
    return notifications.list_history(ORG, Filter(), 1).notifications[0].deliveries["telegram"]


# Webhooks


def count_late_posts(fleets: Fleets, functions: int, seconds: int) -> tuple[int, Hanging]:
    """The same as `count_late_updates` for webhooks: two hundred events for a hanging one, one a second for another."""
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
def test_a_webhook_that_hangs_delays_no_other(fleets: Fleets, functions: int) -> None:
    late, hanging = count_late_posts(fleets, functions, 40)
    assert (late, max(hanging.at_once)) == (0, webhook_rules.MESSAGE_GROUPS)


def test_without_lanes_a_webhook_s_first_burst_holds_all_functions(
    fleets: Fleets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt_queue, "message_group", lambda found, _: found.id)
    assert count_late_posts(fleets, 16, 3)[0] > 0

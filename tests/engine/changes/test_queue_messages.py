"""The format of messages on the queues."""

import json

import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.changes.effects import DispatchRequest, TaskUpdate, Wakeup, WakeupKind
from chalicelib.domain.tasks.task import Needs, Status
from chalicelib.engine.changes import queue_messages
from tests.support.world import World


@pytest.mark.parametrize("org", ["acme", "Café Ω", "two words", "x" * 200])
def test_every_org_has_a_group_of_its_own_that_sqs_takes(world: World, org: str) -> None:
    for name in (org, f"{org}2"):
        queue_messages.enqueue_dispatch([DispatchRequest(org=name, pool="p")], "once")
        queue_messages.enqueue_catch_up(name, f"c{name}")
    for queue in (settings().dispatch_queue, settings().live_queue):
        groups = [held.group for held in world.queues.queues[queue]]
        assert len(set(groups)) == 2
        for group in groups:
            assert group is not None and len(group) <= 128
            assert all("!" <= letter <= "~" for letter in group)


def test_a_name_that_sqs_takes_is_the_group(world: World) -> None:
    queue_messages.enqueue_dispatch([DispatchRequest(org="acme", pool="p")], "once")
    assert [held.group for held in world.queues.queues[settings().dispatch_queue]] == ["acme#p"]


def wakeup(seconds: float) -> Wakeup:
    return Wakeup(kind=WakeupKind.TASK, org="acme", pool="p", id="t", at=clock.now() + round(seconds * clock.SECOND))


@pytest.mark.parametrize(
    ("seconds", "delay"), [(-5, 0), (0, 0), (0.001, 1), (899.5, 900), (900, 900), (900.001, None), (86_400, None)]
)
def test_a_wakeup_is_sent_if_sqs_can_delay_it_so_long(world: World, seconds: float, delay: int | None) -> None:
    queue_messages.enqueue_wakeups([wakeup(seconds)])
    held = world.queues.queues.get(settings().wakeups_queue, [])
    assert [one.visible_at - clock.now() for one in held] == ([] if delay is None else [delay * clock.SECOND])


def test_one_wakeup_that_is_too_late_for_sqs_takes_none_of_the_others_along(world: World) -> None:
    queue_messages.enqueue_wakeups([wakeup(10_000), wakeup(5)])
    assert len(world.queues.queues[settings().wakeups_queue]) == 1


def bodies(world: World, queue: str) -> list[dict[str, object]]:
    return [json.loads(held.body) for held in world.queues.queues[queue]]


def test_dispatch_requests_with_many_needs_are_split_into_messages_that_sqs_takes(world: World) -> None:
    needs = Needs(frozenset(f"{number:02}" + "\N{ROCKET}" * 62 for number in range(32)), None)
    sent = [DispatchRequest(org="acme", pool="p", task_id=f"t{number}", lane="l", needs=needs) for number in range(100)]
    queue_messages.enqueue_dispatch(sent, "once")
    parts = [queue_messages.read_dispatch_requests(body) for body in bodies(world, settings().dispatch_queue)]
    assert len(parts) > 1
    assert [one for part in parts for one in part] == sent


def test_updates_with_long_errors_travel_in_messages_that_sqs_takes(world: World) -> None:
    sent = [
        TaskUpdate(
            org="acme", pool="p", task_id=f"t{number}", version=1, at=0, type="x", status=Status.FAILED,
            priority=1, attempt=1, error="\N{ROCKET}" * 4_000,
        )
        for number in range(90)
    ]  # fmt: skip
    queue_messages.enqueue_task_updates(sent, "once")
    parts = [queue_messages.read_task_updates(body) for body in bodies(world, settings().live_queue)]
    assert len(parts) > 1
    assert [one for part in parts for one in part] == sent

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib import clock
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.worker import BUILT_IN, Health
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import approvals, lifecycle
from chalicelib.engine.workers import agent_health, agents, registry
from chalicelib.engine.workers.agents import Agent, Command, Receipt
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from tests.domain import samples
from tests.support import aws
from tests.support.world import ORG, START, World

POOLS = ("support",)
KIND = "sentiment_analysis"


def agent(name: str = KIND, org: str = ORG) -> Agent:
    return agents.get(org, name, POOLS)


def send(command: Command, name: str = KIND, **parameters: Any) -> Receipt:
    return agents.send_command(ORG, agent(name), command, parameters, "ann")


def submit(world: World) -> Task:
    task = world.submit(pool="support", type=KIND, label=KIND, capabilities=(KIND,), payload={"text": "good"})
    world.settle()
    return world.task(task.id)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "active"),
        ({"maintenance": True}, "inactive"),
        ({"alive": False}, "inactive"),
        ({"last_heartbeat_at": START - 900_000}, "inactive"),
        ({"health": Health.UNHEALTHY}, "error"),
        ({"rest_until": START + 60_000}, "error"),
    ],
)
def test_the_status_of_a_worker_says_whether_it_works(changes: dict[str, Any], status: str) -> None:
    worker = samples.worker(**({"last_heartbeat_at": START} | changes))
    assert Agent("a", "p", worker, is_built_in=False).status(START) == status


def test_what_was_never_performed_is_active_without_uptime(world: World) -> None:
    found = agent()
    assert (found.status(START), found.uptime_seconds(START), found.counts["completed"]) == ("active", 0, 0)


def test_a_stopped_agent_gets_no_task_until_it_is_started(world: World) -> None:
    assert submit(world).status is Status.COMPLETED
    for _ in range(2):
        send("stop")
    waiting = submit(world)
    world.advance(300)
    assert world.task(waiting.id).status is Status.PENDING
    assert KIND in str(waiting_for(world.task(waiting.id)))
    assert (agent().status(START), agent().uptime_seconds(START)) == ("inactive", 0)
    with pytest.raises(Conflict, match="start it first"):
        send("execute", text="good")
    send("start")
    world.settle()
    assert world.task(waiting.id).status is Status.COMPLETED
    assert (agent().status(clock.now()), agent().counts["completed"]) == ("active", 2)


@pytest.mark.parametrize("name", [KIND, "one"])
def test_uptime_is_since_the_latest_start(world: World, name: str) -> None:
    world.register("one", pool="support")
    submit(world)

    def uptime_after(command: Command) -> int:
        world.clock.advance(100)
        send(command, name)
        world.clock.advance(5)
        return agent(name).uptime_seconds(clock.now())

    assert [uptime_after(one) for one in ("stop", "start", "start", "restart", "restart")] == [0, 5, 110, 5, 5]
    assert agent(name).status(clock.now()) == "active"


def test_a_restart_ends_the_rest_of_what_is_not_stopped(world: World) -> None:
    submit(world)
    registry.change(ORG, "support", BUILT_IN, lambda worker: replace(worker, rest_until=START + 60_000))
    assert agent().status(clock.now()) == "error"
    send("restart")
    assert agent().status(clock.now()) == "active"


@pytest.mark.parametrize("command", ["start", "stop", "restart"])
def test_parameters_of_a_command_without_any_are_refused_and_named(world: World, command: Command) -> None:
    with pytest.raises(InvalidRequest, match=f"is not a parameter of {command}") as refused:
        send(command, now=True, **{"x" * 100: 1})
    assert list(refused.value.fields) == ["parameters.now", "parameters." + "x" * agents.MAX_NAME_CHARS]
    assert (agents.list_receipts(ORG, agent()), agent().stopped_at) == ([], None)


@pytest.mark.parametrize(
    ("decide", "after"),
    [
        (lambda task: approvals.reject(ORG, task.id, "ann"), (0, 0)),
        (lambda task: approvals.approve(ORG, task.id, "ann"), (1, 0)),
        (lambda task: lifecycle.cancel(ORG, task.id), (0, 0)),
    ],
)
def test_what_waits_for_a_person_is_not_pending_and_what_is_rejected_has_not_failed(
    world: World, decide: Callable[[Task], Task], after: tuple[int, int]
) -> None:
    send("stop")  # nothing is performed
    kind = {"pool": "support", "type": KIND, "label": KIND, "capabilities": (KIND,), "payload": {"text": "good"}}
    task = world.submit(**kind, approval_seconds=600)
    world.settle()
    assert (agent().counts["pending"], agent().counts.failures) == (0, 0)
    decide(task)
    world.settle()
    assert (agent().counts["pending"], agent().counts.failures) == after
    assert agent_health.check(ORG, POOLS).error_rate is None


def test_what_nobody_approves_in_time_has_not_failed(world: World) -> None:
    task = world.submit(pool="support", type=KIND, label=KIND, capabilities=(KIND,), approval_seconds=600)
    world.settle()
    world.advance(660)
    assert world.task(task.id).status is Status.TIMED_OUT
    assert (agent().counts["pending"], agent().counts.failures) == (0, 0)
    assert agent_health.check(ORG, POOLS).error_rate is None


def test_an_agent_can_be_stopped_before_its_first_task(world: World) -> None:
    send("stop")
    assert submit(world).status is Status.PENDING
    assert agent(org="umbra").status(START) == "active"


def test_execute_submits_a_task_and_the_receipt_shows_its_result(world: World) -> None:
    sent = send("execute", text="good")
    world.settle()
    [receipt] = agents.list_receipts(ORG, agent())
    assert sent.task is not None and receipt.task is not None
    assert (receipt.document, receipt.task.id, receipt.task.status) == (sent.document, sent.task.id, Status.COMPLETED)
    assert receipt.task.result["sentiment"] == "positive"


def test_parameters_that_the_agent_cannot_work_with_are_refused_and_nothing_is_done(world: World) -> None:
    with pytest.raises(InvalidRequest, match=r"parameters\.text is required"):
        send("execute", words="good")
    assert agents.list_receipts(ORG, agent()) == []


def test_a_registered_worker_is_an_agent_by_its_name_or_its_id(world: World) -> None:
    first = world.register("one", pool="support")
    assert agent("one").worker == first
    second = world.register("two", pool="support")
    assert {one.name for one in agents.list_agents(ORG, POOLS)} == {KIND, "one", "two"}
    send("stop", "two")
    assert agent("two").status(START) == "inactive"
    send("restart", "two")
    assert agent("two").status(START) == "active"
    sent = send("execute", "two", anything="goes")
    assert sent.task is not None and sent.task.wanted_worker == second.id
    with pytest.raises(NotFound, match="Agent not found"):
        agent("three")


def test_receipts_are_the_latest_ten_and_expire(world: World) -> None:
    ids = []
    for _ in range(agents.MAX_RECEIPTS + 1):
        ids.append(send("restart").document.id)
        world.clock.advance(1)
    assert [receipt.document.id for receipt in agents.list_receipts(ORG, agent())] == ids[:0:-1]
    world.clock.advance(agents.RECEIPTS_KEPT_MS // 1000)
    assert agents.list_receipts(ORG, agent()) == []


def test_a_list_and_a_command_keep_to_their_budgets(world: World) -> None:
    submit(world)
    page = agent()
    with aws.counting() as calls:
        agents.list_agents(ORG, ("support", "models"))
    assert calls.total() == 3
    with aws.counting() as calls:
        agents.send_command(ORG, page, "stop", {}, "ann")
    assert calls.total() == 3

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from chalicelib import clock, config
from chalicelib.domain.content_intents import INTENTS
from chalicelib.domain.models.chat import ProviderFailed
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import Phase, Status
from chalicelib.engine import content_tasks, intents
from chalicelib.engine.content_tasks import Edit
from chalicelib.engine.models import generation
from chalicelib.engine.models.generation import Generated
from chalicelib.engine.tasks import by_owner, lifecycle
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from tests.engine.helpers import run_together
from tests.simulation.faults import dies_before
from tests.support import aws
from tests.support.rewind import stored_items
from tests.support.world import ORG, World

TEXT = "Write a blog post about gardens for beginners"


def propose(text: str = TEXT, task_id: str | None = None, **parameters: Any) -> intents.Proposal:
    return intents.propose(ORG, text, parameters, task_id, "ann")


def confirm(task_id: str, *, is_confirmed: bool = True) -> Any:
    return intents.confirm(ORG, task_id, "ann", is_confirmed=is_confirmed)


def test_a_proposal_changes_no_task(world: World) -> None:
    task = content_tasks.create(ORG, "ann", "A", {})
    proposal = propose(task_id=task.id, topic="roses")
    assert (proposal.parameters["topic"], proposal.understood_by) == ("roses", "rules")
    assert world.task(task.id) == task
    new = propose()
    with pytest.raises(NotFound):
        world.task(new.task_id)


def test_a_confirmed_intent_creates_the_task_once_and_begins_its_workflow(world: World) -> None:
    proposal = propose(style="dry")
    first, task = confirm(proposal.task_id)
    again, _ = confirm(proposal.task_id)
    assert first == again and first.execution_id is not None
    assert (task.name, task.payload["target_audience"], task.payload["task_metadata"]["style"]) == (
        "gardens",
        "beginners",
        "dry",
    )
    execution = lifecycle.get(ORG, first.execution_id, EXECUTIONS_POOL)
    assert (execution.type, execution.payload["topic"]) == ("content_creation", "gardens")
    with pytest.raises(Conflict, match="was confirmed before"):
        confirm(proposal.task_id, is_confirmed=False)


def test_what_an_intent_says_is_null_is_not_in_the_task(world: World) -> None:
    _, task = confirm(propose(category=None).task_id)
    assert task.payload.get("category") is None


def test_what_the_workflow_works_on_must_be_said(world: World) -> None:
    task = content_tasks.create(ORG, "ann", "A", {})
    assert propose("optimize_content", task.id).missing == ["content"]
    with pytest.raises(Conflict, match="lacks content: send it again"):
        confirm(task.id)
    assert propose("optimize_content", task.id, content="Tea is hot.").missing == []
    assert confirm(task.id)[0].execution_id is not None
    assert propose("analyze_content").missing == ["topic", "content"]
    owned = content_tasks.create(ORG, "ann", "A", {"task_metadata": {"content": "Tea is hot."}})
    assert propose("analyze_content", owned.id).missing == []


def test_parameters_that_the_workflow_cannot_use_are_refused_at_once(world: World) -> None:
    with pytest.raises(InvalidRequest) as error:
        propose(depth="very")
    assert error.value.fields == {"parameters.depth": "must be 'deep', 'moderate' or 'shallow'"}


def test_an_intent_for_a_task_that_no_workflow_can_do_is_refused_at_once(world: World) -> None:
    done = content_tasks.create(ORG, "ann", "A", {})
    content_tasks.change(ORG, done.id, Edit(Phase.COMPLETED), "ann")
    begun = content_tasks.create(ORG, "ann", "A", {})
    content_tasks.change(ORG, begun.id, Edit(Phase.HELD), "ann")
    for task, word in ((done, "completed"), (begun, "in_progress")):
        with pytest.raises(Conflict, match=f"is {word}: only a pending or failed task"):
            propose(task_id=task.id)


def test_a_decision_that_is_repeated_begins_nothing_after_the_workflow_has_failed(world: World) -> None:
    proposal = propose()
    confirmed, task = confirm(proposal.task_id)
    by_owner.fail(ORG, task.id, content_tasks.POOL, content_tasks.ORCHESTRATOR, "no ink", retry=False)
    before = world.tasks()
    again, shown = confirm(proposal.task_id)
    assert (again, shown.status) == (confirmed, Status.FAILED)
    assert world.tasks() == before


def test_an_intent_that_comes_while_another_is_begun_is_not_taken_for_it(world: World) -> None:
    task = content_tasks.create(ORG, "ann", "A", {})
    propose(task_id=task.id)
    later: list[intents.Proposal] = []

    def propose_before_the_task_begins(_call: aws.Call, send: Callable[[], Any]) -> Any:
        with aws.without_interference():
            if not later and any(one.pool == EXECUTIONS_POOL for one in world.tasks()):
                later.append(propose("create_article", task.id))
        return send()

    with aws.interfering(propose_before_the_task_begins):
        assert confirm(task.id)[0].execution_id is not None
    assert len(later) == 1
    with pytest.raises(Conflict, match="does the task already"):
        confirm(task.id)


def test_a_decision_that_is_repeated_creates_no_task_that_was_deleted(world: World) -> None:
    proposal = propose()
    confirm(proposal.task_id)
    content_tasks.delete(ORG, proposal.task_id, "ann")
    before = world.tasks()
    with pytest.raises(NotFound):
        confirm(proposal.task_id)
    assert world.tasks() == before


def test_a_discarded_intent_does_nothing_and_stays_discarded(world: World) -> None:
    task = content_tasks.create(ORG, "ann", "A", {})
    propose(task_id=task.id)
    for _ in range(2):
        assert confirm(task.id, is_confirmed=False)[1] is None
    with pytest.raises(Conflict):
        confirm(task.id)
    assert world.task(task.id) == task
    propose(task_id=task.id)
    assert confirm(task.id)[0].execution_id is not None


def test_of_two_decisions_at_once_one_stands_and_the_task_follows_it(world: World) -> None:
    for number in range(5):
        proposal = propose(topic=f"roses {number}")

        def decide(is_confirmed: bool, task_id: str = proposal.task_id) -> str | None:
            with suppress(Conflict):
                return str(confirm(task_id, is_confirmed=is_confirmed)[0].state)
            return None

        decided = run_together([partial(decide, True), partial(decide, False)])
        [standing] = {state for state in decided if state is not None}
        assert (proposal.task_id in {task.id for task in world.tasks()}) is (standing == intents.CONFIRMED)


def test_a_confirmation_that_dies_is_done_by_the_next_one(world: World) -> None:
    for number in range(20):
        proposal = propose(topic=f"roses {number}")
        died = dies_before(world, partial(confirm, proposal.task_id), number)
        decision, task = confirm(proposal.task_id)
        assert (task.id, task.name) == (proposal.task_id, f"roses {number}")
        assert [one.id for one in world.tasks() if (one.metadata or {}).get("task_id") == task.id] == [
            decision.execution_id
        ]
        if not died:
            assert number > 5
            return
    raise AssertionError("it makes more calls than were tried")


def test_a_new_task_needs_a_topic(world: World) -> None:
    proposal = propose("create_article")
    assert proposal.missing == ["topic"]
    with pytest.raises(Conflict, match="lacks topic"):
        confirm(proposal.task_id)


def test_an_intent_is_for_a_task_of_the_org_and_lasts_a_day(world: World) -> None:
    task = content_tasks.create("umbra", "eve", "A", {})
    with pytest.raises(NotFound):
        propose(task_id=task.id)
    proposal = propose()
    with pytest.raises(NotFound):
        intents.confirm("umbra", proposal.task_id, "eve", is_confirmed=True)
    world.clock.advance(intents.KEPT_MS // clock.SECOND)
    with pytest.raises(NotFound, match="Intent not found"):
        confirm(proposal.task_id)


def test_what_nobody_understands_is_refused_with_what_is_understood_and_stores_nothing(world: World) -> None:
    before, models = stored_items(), config.replace(models="")
    try:
        with pytest.raises(InvalidRequest, match="create_blog_post"):
            propose("dance")
    finally:
        config.restore(models)
    with pytest.raises(InvalidRequest, match="parameters"):
        propose(more="x" * intents.MAX_PARAMETERS_CHARS)
    assert stored_items() == before


def test_a_model_chooses_among_the_known_intents(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intents.catalogue, "list_models", lambda _: [object()])
    replies: list[Any] = ["Sure: create_newsletter", "none of them", ProviderFailed("down")]

    def generate(*_: Any) -> Generated:
        reply = replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Generated(reply, "m", "p", "stop", 1, 1)

    monkeypatch.setattr(generation, "generate", generate)
    proposal = propose("news about gardens")
    assert (proposal.intent, proposal.understood_by, proposal.parameters["topic"]) == (
        "create_newsletter",
        "m",
        "gardens",
    )
    assert proposal.intent in INTENTS
    for _ in range(2):
        with pytest.raises(InvalidRequest):
            propose("dance")

"""Intents: what somebody wants to have done is understood, shown, and done once it is confirmed.

Until then nothing but the proposal itself is stored. A task has at most one proposal, the latest.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain import content_intents
from chalicelib.domain.content_intents import INTENTS, Intent
from chalicelib.domain.document import Document
from chalicelib.domain.models.chat import Message, ModelFailure
from chalicelib.domain.tasks.task import Task
from chalicelib.engine import content_tasks
from chalicelib.engine.content_tasks import FIELDS, METADATA, POOL
from chalicelib.engine.documents import documents
from chalicelib.engine.models import catalogue, generation
from chalicelib.engine.models.generation import Ask
from chalicelib.engine.orchestration import orchestrations, workflow_inputs
from chalicelib.engine.tasks import lifecycle, payloads
from chalicelib.engine.workflows import registry
from chalicelib.errors import Conflict, InvalidRequest, Unavailable

KIND = "intent"
KEPT_MS = clock.DAY
MAX_PARAMETERS_CHARS = 16_000
RULES = "rules"
MODEL_SECONDS = 15.0
PROPOSED, CONFIRMED, DISCARDED = "proposed", "confirmed", "discarded"


class Proposal(NamedTuple):
    """What was understood. The field names are stored."""

    task_id: str
    intent: str
    workflow: str
    parameters: Mapping[str, Any]
    understood_by: str  # RULES, or the id of a model
    is_new: bool  # the task does not exist yet
    missing: Sequence[str] = ()  # what must be said before it can be confirmed
    state: str = PROPOSED
    execution_id: str | None = None


def propose(org: str, text: str, parameters: Mapping[str, Any], task_id: str | None, by: str) -> Proposal:
    """Understand an intent and store the proposal for KEPT_MS. Three calls, and those of a model where no rule fits.

    Raises NotFound for a task that does not exist, Conflict for one that no workflow can do, InvalidRequest for a text
    that nobody understands and for parameters that the workflow cannot use.
    """
    if len(payloads.compact_json(parameters)) > MAX_PARAMETERS_CHARS:
        what = f"must be at most {MAX_PARAMETERS_CHARS} characters as JSON"
        raise InvalidRequest(f"parameters: {what}", fields={"parameters": what})
    task = None if task_id is None else lifecycle.get(org, task_id, POOL)
    if task is not None:
        orchestrations.require_processable(task)
    intent, understood_by = _understand(org, text)
    proposal = Proposal(
        task_id or ids.new("task"),
        intent.name,
        intent.workflow,
        {**intent.parameters, **parameters},
        understood_by,
        is_new=task is None,
    )
    proposal = proposal._replace(missing=_find_missing(proposal, task))
    expires_at_ms = clock.now() + KEPT_MS
    documents.put(org, KIND, proposal.task_id, lambda _: proposal._asdict(), by=by, expires_at_ms=expires_at_ms)
    return proposal


def _find_missing(proposal: Proposal, task: Task | None) -> list[str]:
    """What the proposal lacks: the topic of a new task, and what its workflow works on."""
    workflow = registry.find(proposal.workflow)
    workflow_inputs.require_fit(workflow, proposal.parameters)
    own = {} if task is None else workflow_inputs.own_input(workflow, task)
    given = own | dict(proposal.parameters)
    lacks_topic = not str(given.get("topic") or "").strip()
    return list(dict.fromkeys([*["topic"] * lacks_topic, *workflow_inputs.find_missing(workflow, given)]))


def _understand(org: str, text: str) -> tuple[Intent, str]:
    intent = content_intents.understand(text)
    if intent is not None:
        return intent, RULES
    answer = _ask_model(org, text) if catalogue.list_models(org) else None
    if answer is None:
        what = f"is not understood: say, for example, one of {', '.join(INTENTS)}"
        raise InvalidRequest(f"intent: {what}", fields={"intent": what})
    return answer


def _ask_model(org: str, text: str) -> tuple[Intent, str] | None:
    """The intent that the org's model chooses of the known ones, and the model; None where it names none."""
    names = ", ".join(INTENTS)
    rule = f"Answer with the one of these names that fits the request, or with none: {names}"
    messages = (Message("system", rule), Message("user", text))
    try:
        answer = generation.generate(org, Ask(messages=messages, max_tokens=20, timeout_seconds=MODEL_SECONDS))
    except (ModelFailure, Unavailable):
        return None
    name = next((name for name in INTENTS if name in answer.text), None)
    return None if name is None else (content_intents.with_details(INTENTS[name], text), answer.model)


def confirm(org: str, task_id: str, by: str, *, is_confirmed: bool) -> tuple[Proposal, Task | None]:
    """Do what was proposed, or discard it; returns the proposal, and the task where it is done. A new task is created,
    and the workflow begins. Thirteen calls at most.

    Of two decisions at once the first one stands. The same decision again changes nothing: each step of it is done
    once, also after a death or when the workflow has failed. Raises NotFound without a proposal, and Conflict for one
    that lacks something or was decided otherwise, and for a task that is in work.
    """
    proposal = _decide(org, task_id, CONFIRMED if is_confirmed else DISCARDED, by)
    if not is_confirmed:
        return proposal, None
    if proposal.execution_id is None:
        proposal = _begin(org, proposal, by)
    return proposal, lifecycle.get(org, task_id, POOL)


def _begin(org: str, proposal: Proposal, by: str) -> Proposal:
    """Do what was confirmed, and keep with the proposal by which execution."""
    if proposal.is_new:
        _create_task(org, proposal, by)
    execution = orchestrations.process(org, by, proposal.task_id, proposal.workflow, proposal.parameters)

    def keep(stored: Document) -> Document:
        is_other = stored.body["state"] != CONFIRMED  # the user has asked for something else meanwhile
        return stored if is_other else documents.with_body(stored, {"execution_id": execution.id})

    documents.change(org, KIND, proposal.task_id, keep, by=by)
    return proposal._replace(execution_id=execution.id)


def _decide(org: str, task_id: str, decision: str, by: str) -> Proposal:
    """Store the decision before anything follows from it."""

    def decide(stored: Document) -> Document:
        proposal = _parse(stored)
        if proposal.state not in (PROPOSED, decision):
            raise Conflict(f"The intent for task {task_id} was {proposal.state} before")
        if decision == CONFIRMED and proposal.missing:
            missing = ", ".join(proposal.missing)
            raise Conflict(f"The intent for task {task_id} lacks {missing}: send it again with that")
        return documents.with_body(stored, {"state": decision})

    return _parse(documents.change(org, KIND, task_id, decide, by=by))


def _create_task(org: str, proposal: Proposal, by: str) -> None:
    """Create the task; one that exists already is left as it is."""
    parameters = proposal.parameters
    brief = {name: str(parameters[name])[:500] for name in FIELDS if parameters.get(name) is not None}
    metadata = {name: value for name, value in parameters.items() if name not in FIELDS}
    name = str(parameters["topic"])[:256]
    content_tasks.create(org, by, name, {**brief, METADATA: metadata}, id=proposal.task_id)


def _parse(document: Document) -> Proposal:
    return Proposal(**document.body)

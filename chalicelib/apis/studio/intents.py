"""Intents for content tasks (glad-labs.md, "Task Management")."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.studio.tasks import TaskId, TaskOut
from chalicelib.domain.tasks.task import Task
from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine import intents
from chalicelib.engine.intents import Proposal

routes = Routes("/api/tasks", tag="Task management")


class IntentIn(Schema):
    """What shall be done, for a task or, without a task_id, for a new one."""

    task_id: TaskId | None = None
    intent: Annotated[str, StringConstraints(min_length=1, max_length=2_000)] = Field(
        description="A name, or a sentence.",
        examples=["create_blog_post", "Write a blog post about gardens for beginners"],
    )
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        max_length=50,
        description="Added to what the text says; a parameter of the same name wins.",
    )


class IntentOut(Schema):
    """What was understood. Nothing is done before it is confirmed, within a day."""

    task_id: str
    intent: str
    understood_by: str = Field(description="rules, or the id of the language model that was asked.")
    workflow_type: str
    parameters: dict[str, Any]
    missing: list[str] = Field(description="What must be sent before it can be confirmed.")
    requires_confirmation: Literal[True] = True

    @classmethod
    def from_proposal(cls, proposal: Proposal) -> Self:
        return cls(
            task_id=proposal.task_id,
            intent=proposal.intent,
            understood_by=proposal.understood_by,
            workflow_type=proposal.workflow,
            parameters=dict(proposal.parameters),
            missing=proposal.missing,
        )


class ConfirmIn(Schema):
    """Whether an intent shall be done."""

    task_id: TaskId
    confirmed: bool = Field(strict=True)


class ConfirmOut(Schema):
    """An intent that was decided on. The execution and the task are null where it was discarded."""

    task_id: str
    confirmed: bool
    execution_id: str | None
    task: TaskOut | None

    @classmethod
    def from_decided(cls, decided: tuple[Proposal, Task | None]) -> Self:
        proposal, task = decided
        return cls(
            task_id=proposal.task_id,
            confirmed=task is not None,
            execution_id=proposal.execution_id,
            task=None if task is None else TaskOut.whole(task),
        )


@routes.post("/intent", errors=[404])
def propose_intent(caller: Caller, body: IntentIn) -> IntentOut:
    """Understand an intent: by rules, and by a language model where no rule fits. It changes no task."""
    return IntentOut.from_proposal(
        intents.propose(caller.org, body.intent, body.parameters, body.task_id, caller.subject)
    )


@routes.post("/confirm-intent", errors=[404, 409])
def confirm_intent(caller: Caller, body: ConfirmIn) -> ConfirmOut:
    """Do what was understood, or discard it. The same decision again changes nothing."""
    decided = intents.confirm(caller.org, body.task_id, caller.subject, is_confirmed=body.confirmed)
    return ConfirmOut.from_decided(decided)

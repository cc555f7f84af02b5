"""What callers say of tasks (coordinaitor.md, "Task Endpoints"), checked and made fit for the engine."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from chalicelib.apis.projects.states import PHASE, URGENCY, Priority, TaskStatus
from chalicelib.apis.projects.tasks.schemas import neat
from chalicelib.domain.tasks.reported_failure import LONGEST_MESSAGE, reported_failure
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.edge import CamelSchema
from chalicelib.engine.projects.task_edit_rules import Edit, Outcome
from chalicelib.engine.projects.task_edits import Draft

SHEET = frozenset(
    {
        "title",
        "description",
        "requirements",
        "acceptance_criteria",
        "tags",
        "project_id",
        "estimated_hours",
        "due_date",
    }
)
"""Fields of what a task says; whoever does it is handed them."""
NOTES = frozenset({"actual_hours", "quality_score"})
"""Fields of what is noted beside it."""
MOST_WORDS, LONGEST_WORD = 20, 50
"""Of tags."""


def _instant(text: Any) -> datetime:
    """An ISO 8601 date, or date and time; in UTC where it names no offset."""
    try:
        found = datetime.fromisoformat(text)
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a date, or a date and time (ISO 8601)") from None
    if found.year < 1970:
        raise ValueError("must be 1970 or later")
    return found


def _zoned(text: str) -> str:
    return _instant(text).strftime("%Y-%m-%dT%H:%M:%SZ")


def _milliseconds(text: Any) -> int:
    return round(_instant(text).timestamp() * 1000)


def _apart(text: str) -> tuple[str, ...]:
    """The words between the commas."""
    found = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if len(found) > MOST_WORDS or any(len(word) > LONGEST_WORD for word in found):
        raise ValueError(
            f"must be at most {MOST_WORDS} words of at most {LONGEST_WORD} characters, with commas between"
        )
    return found


def _without_commas(tag: str) -> str:
    if "," in tag or not tag.strip():
        raise ValueError("must be a word or a few, without commas")
    return tag.strip()


def _once(tags: list[str]) -> list[str]:
    return list({tag.casefold(): tag for tag in reversed(tags)}.values())[::-1]


def _filled(title: Any) -> Any:
    return title.strip() if isinstance(title, str) else title


Title = Annotated[str, BeforeValidator(_filled), StringConstraints(min_length=1, max_length=256)]
Description = Annotated[str, StringConstraints(max_length=20_000)]
Lines = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=1_000)]], Field(max_length=100)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_WORD), AfterValidator(_without_commas)]
Tags = Annotated[list[Tag], Field(max_length=MOST_WORDS), AfterValidator(_once)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Hours = Annotated[float, Field(ge=0, le=100_000, strict=True), AfterValidator(neat)]
Fraction = Annotated[float, Field(ge=0, le=1, strict=True), AfterValidator(neat)]
Due = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_zoned),
    Field(description="ISO 8601; a date alone is its midnight, and what names no offset is in UTC."),
]
Moment = Annotated[
    int,
    BeforeValidator(_milliseconds),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="ISO 8601, this one included; what names no offset is in UTC."),
]
Words = Annotated[tuple[str, ...], BeforeValidator(_apart), WithJsonSchema({"type": "string"})]


class _Sheet(CamelSchema):
    """What the bodies that describe a task have in common."""

    description: Description | None = None
    priority: Priority = "medium"
    project_id: Identifier | None = None
    agent_id: Identifier | None = Field(default=None, description="The agent that is to do it.")
    tags: Tags | None = Field(default=None, examples=[["frontend", "dashboard"]])
    estimated_hours: Hours | None = None
    due_date: Due | None = Field(default=None, examples=["2026-02-20T00:00:00Z"])
    requirements: Lines | None = Field(default=None, examples=[["Responsive design"]])
    acceptance_criteria: Lines | None = Field(default=None, examples=[["Dashboard loads within 2 seconds"]])

    def named(self, fields: frozenset[str]) -> dict[str, Any]:
        """Those of the fields that were sent, by their names on the wire."""
        sent = self.model_dump(include=set(fields & self.model_fields_set), by_alias=True)
        return {name: None if value in ([], "") else value for name, value in sent.items()}


class TaskIn(_Sheet):
    """A task to be done."""

    title: Title = Field(examples=["Build user dashboard"])
    type: Identifier = "task"

    def draft(self, idempotency_key: str | None) -> Draft:
        """As the engine takes it."""
        said = {name: value for name, value in self.named(SHEET).items() if value is not None}
        return Draft(said, self.type, URGENCY[self.priority], self.agent_id, idempotency_key)


class TaskChange(_Sheet):
    """What is new of a task. What is not sent stays as it is; null clears a field."""

    title: Title = Field(default_factory=str, examples=["Updated task title"])
    status: TaskStatus | None = Field(
        default=None, description="active begins it, pending puts it back; null or the same again changes nothing."
    )
    progress: Fraction | None = Field(default=None, description="0 to 1; a completed task's is 1.")
    actual_hours: Hours | None = None
    quality_score: Fraction | None = Field(default=None, description="What whoever completed it thinks of it, 0 to 1.")
    result: Any = Field(default=None, description="With completed: what is kept with the task.")
    error: Annotated[str, StringConstraints(max_length=LONGEST_MESSAGE)] | None = Field(
        default=None, description="With failed: why."
    )
    retryable: bool = Field(
        default=True, strict=True, description="With failed, by an agent: false if it would only fail again."
    )

    def edit(self) -> Edit:
        """As the engine takes it, without the result."""
        return Edit(
            fields=self.named(SHEET),
            metadata=self._notes(),
            priority=URGENCY[self.priority] if "priority" in self.model_fields_set else None,
            progress=None if self.progress is None else self.progress * 100,
            is_assignment="agent_id" in self.model_fields_set,
            agent=self.agent_id,
            phase=None if self.status is None else PHASE[self.status],
            outcome=Outcome(failure=self._failure()),
        )

    def _notes(self) -> dict[str, Any]:
        notes = self.named(NOTES)
        # None of them is what is shown where none were noted.
        return notes | {"actualHours": None} if notes.get("actualHours") == 0 else notes

    def _failure(self) -> Failure:
        return reported_failure(self.error or "Reported as failed", self.retryable)


class AssignIn(CamelSchema):
    """Who is to do a task; null takes it from whoever should."""

    agent_id: Identifier | None = Field(examples=["agent_abc123"])
    priority: Priority | None = None
    due_date: Due | None = None

    def edit(self) -> Edit:
        """As the engine takes it; a priority or date of null is left as it is."""
        sheet = {} if self.due_date is None else {"dueDate": self.due_date}
        priority = None if self.priority is None else URGENCY[self.priority]
        return Edit(fields=sheet, priority=priority, is_assignment=True, agent=self.agent_id)

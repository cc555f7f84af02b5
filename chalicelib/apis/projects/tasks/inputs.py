"""Request bodies and parameters of tasks (coordinaitor.md, "Task Endpoints"), and their conversion for the engine."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from chalicelib.apis.projects.states import PHASE_BY_STATUS, PRIORITY_NUMBER, Priority, TaskStatus
from chalicelib.apis.projects.tasks.schemas import round_number
from chalicelib.domain.tasks.reported_failure import MAX_MESSAGE_CHARS, reported_failure
from chalicelib.domain.tasks.transitions import Failure
from chalicelib.edge import CamelSchema, parse_instant
from chalicelib.engine.projects.task_edit_rules import Edit, Outcome
from chalicelib.engine.projects.task_edits import Draft

TASK_FIELDS = frozenset(
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
"""Fields of a task's payload, which is handed to its agent."""
METADATA_FIELDS = frozenset({"actual_hours", "quality_score"})
"""Fields of a task's metadata."""
MAX_TAGS, MAX_TAG_LENGTH = 20, 50
"""Limits of a task's tags."""


def _to_utc_text(text: str) -> str:
    return parse_instant(text).strftime("%Y-%m-%dT%H:%M:%SZ")


def _split_words(text: str) -> tuple[str, ...]:
    """The distinct words between the commas."""
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if len(words) > MAX_TAGS or any(len(word) > MAX_TAG_LENGTH for word in words):
        raise ValueError(
            f"must be at most {MAX_TAGS} words of at most {MAX_TAG_LENGTH} characters, separated by commas"
        )
    return words


def _check_tag(tag: str) -> str:
    if "," in tag or not tag.strip():
        raise ValueError("must be one or more words without commas")
    return tag.strip()


def _drop_duplicates(tags: list[str]) -> list[str]:
    return list({tag.casefold(): tag for tag in reversed(tags)}.values())[::-1]


def _strip(title: Any) -> Any:
    return title.strip() if isinstance(title, str) else title


Title = Annotated[str, BeforeValidator(_strip), StringConstraints(min_length=1, max_length=256)]
Description = Annotated[str, StringConstraints(max_length=20_000)]
Lines = Annotated[list[Annotated[str, StringConstraints(min_length=1, max_length=1_000)]], Field(max_length=100)]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=MAX_TAG_LENGTH), AfterValidator(_check_tag)]
Tags = Annotated[list[Tag], Field(max_length=MAX_TAGS), AfterValidator(_drop_duplicates)]
Identifier = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Hours = Annotated[float, Field(ge=0, le=100_000, strict=True), AfterValidator(round_number)]
Fraction = Annotated[float, Field(ge=0, le=1, strict=True), AfterValidator(round_number)]
UtcInstant = Annotated[
    str,
    StringConstraints(max_length=64),
    AfterValidator(_to_utc_text),
    Field(description="ISO 8601; a date alone means its midnight, and without an offset it is UTC."),
]
CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_split_words), WithJsonSchema({"type": "string"})]


class _TaskFields(CamelSchema):
    """Fields that the request bodies of tasks share."""

    description: Description | None = None
    priority: Priority = "medium"
    project_id: Identifier | None = None
    agent_id: Identifier | None = Field(default=None, description="The agent to assign it to.")
    tags: Tags | None = Field(default=None, examples=[["frontend", "dashboard"]])
    estimated_hours: Hours | None = None
    due_date: UtcInstant | None = Field(default=None, examples=["2026-02-20T00:00:00Z"])
    requirements: Lines | None = Field(default=None, examples=[["Responsive design"]])
    acceptance_criteria: Lines | None = Field(default=None, examples=[["Dashboard loads within 2 seconds"]])

    def sent_fields(self, fields: frozenset[str]) -> dict[str, Any]:
        """Those of the fields that were sent, by their JSON names; an empty value is None."""
        sent = self.model_dump(include=set(fields & self.model_fields_set), by_alias=True)
        return {name: None if value in ([], "") else value for name, value in sent.items()}


class TaskIn(_TaskFields):
    """A task to be created."""

    title: Title = Field(examples=["Build user dashboard"])
    type: Identifier = "task"

    def to_draft(self, idempotency_key: str | None) -> Draft:
        """The engine's draft of the task."""
        fields = {name: value for name, value in self.sent_fields(TASK_FIELDS).items() if value is not None}
        return Draft(fields, self.type, PRIORITY_NUMBER[self.priority], self.agent_id, idempotency_key)


class TaskChange(_TaskFields):
    """Changes of a task. Fields that are not sent stay as they are; null clears a field."""

    title: Title = Field(default_factory=str, examples=["Updated task title"])
    status: TaskStatus | None = Field(
        default=None,
        description="active starts it, pending returns it to the queue; null or the current status changes nothing.",
    )
    progress: Fraction | None = Field(default=None, description="0 to 1; that of a completed task is 1.")
    actual_hours: Hours | None = None
    quality_score: Fraction | None = Field(default=None, description="Quality of the completed work, 0 to 1.")
    result: Any = Field(default=None, description="With completed: the result to store.")
    error: Annotated[str, StringConstraints(max_length=MAX_MESSAGE_CHARS)] | None = Field(
        default=None, description="With failed: the reason."
    )
    retryable: bool = Field(
        default=True, strict=True, description="With failed, from an agent: false if another attempt would fail, too."
    )

    def to_edit(self) -> Edit:
        """The engine's edit, without the result."""
        return Edit(
            fields=self.sent_fields(TASK_FIELDS),
            metadata=self._metadata(),
            priority=PRIORITY_NUMBER[self.priority] if "priority" in self.model_fields_set else None,
            progress=None if self.progress is None else self.progress * 100,
            is_assignment="agent_id" in self.model_fields_set,
            agent=self.agent_id,
            phase=None if self.status is None else PHASE_BY_STATUS[self.status],
            outcome=Outcome(failure=self._failure()),
        )

    def _metadata(self) -> dict[str, Any]:
        metadata = self.sent_fields(METADATA_FIELDS)
        # 0 is shown where there are no actualHours, so to set 0 is to clear them.
        return metadata | {"actualHours": None} if metadata.get("actualHours") == 0 else metadata

    def _failure(self) -> Failure:
        return reported_failure(self.error or "Reported as failed", self.retryable)


class AssignIn(CamelSchema):
    """The agent to assign a task to; null: none."""

    agent_id: Identifier | None = Field(examples=["agent_abc123"])
    priority: Priority | None = None
    due_date: UtcInstant | None = None

    def to_edit(self) -> Edit:
        """The engine's edit. A priority or due date of null stays as it is."""
        fields = {} if self.due_date is None else {"dueDate": self.due_date}
        priority = None if self.priority is None else PRIORITY_NUMBER[self.priority]
        return Edit(fields=fields, priority=priority, is_assignment=True, agent=self.agent_id)

"""Code tasks: create, follow, list, cancel (delqhi-platform.md, "Original Endpoints" of Agent-04.1)."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints

from chalicelib.apis.chunk_fields import ChunkFields
from chalicelib.apis.codeserver.access import NAME
from chalicelib.apis.codeserver.languages import Language
from chalicelib.apis.codeserver.live import ReportedTest
from chalicelib.apis.codeserver.states import PHASE, TASK_STATUS, TaskStatus, error_text
from chalicelib.domain.tasks.task import Holder, Phase, Task
from chalicelib.edge import Caller, Created, Header, NaiveInstant, Routes, Schema
from chalicelib.engine import code_tasks, hook_events
from chalicelib.engine.chunks import chunks, output_stream
from chalicelib.engine.code_tasks import CodeRequest
from chalicelib.engine.dispatch.waiting_reason import waiting_for
from chalicelib.engine.tasks import lifecycle

routes = Routes("/api/code", tag="Code tasks")
list_routes = Routes("/api/tasks", tag="Code tasks")

TaskId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdempotencyKey = Annotated[str | None, Header("Idempotency-Key"), Field(min_length=1, max_length=255)]
Limit = Annotated[int, Field(ge=1, le=100, description="The most tasks in the answer.")]
Offset = Annotated[int, Field(ge=0, le=10**9, description="How many tasks of the list come before the answer's first.")]
MAX_PROMPT_CHARS = 20_000
MAX_TESTS = 100


def _require_text(prompt: str) -> str:
    if not prompt.strip():
        raise ValueError("must have a character that is no space")
    return prompt


class Context(Schema):
    """What the worker is told besides the prompt. It gets all of it unchanged."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    tests: Annotated[list[str], Field(max_length=MAX_TESTS)] | str | None = Field(
        default=None,
        description="Tests that the worker runs on the code: code with assertions, in the task's language.",
        examples=[["assert fizzbuzz(3) == 'Fizz'"]],
    )


Prompt = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROMPT_CHARS), AfterValidator(_require_text)]


class CodeIn(Schema):
    """Code to have written."""

    prompt: Prompt = Field(examples=["Create a Python function that solves Fizzbuzz"])
    language: Language = Field(default="python", examples=["python"])
    context: Context = Field(default_factory=Context, examples=[{"framework": "none", "requirements": []}])


class CodeOut(Schema):
    """A code task as it was accepted."""

    task_id: str = Field(examples=["task_abc123"])
    status: Literal["pending"] = "pending"
    prompt: str
    language: str
    created_at: NaiveInstant
    started_at: None = None
    completed_at: None = None
    code: None = None
    error: None = None


class ExecutionOut(Schema):
    """How an external executor ended with the code (POST /webhook/agent-zero); of a long output the end."""

    output: str
    exit_code: int


class CodeStatus(Schema):
    """A code task as it is now. `code` and the figures are null until it is completed."""

    task_id: str = Field(examples=["task_abc123"])
    status: TaskStatus
    created_at: NaiveInstant
    started_at: NaiveInstant | None = Field(description="When its worker got it; null while it is pending.")
    completed_at: NaiveInstant | None = Field(description="When the task ended, in whatever way.")
    progress: int = Field(ge=0, le=100, description="Percent of the latest attempt.")
    code: str | None
    tests_passed: int | None
    tests_total: int | None = Field(description="How many tests the worker ran; 0 where it could run none.")
    execution_time_ms: int | None = Field(description="How long the worker ran the code and its tests.")
    tests: list[ReportedTest] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Each test that the worker ran, and whose it is; left out where the worker has not said.",
    )
    output: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="What the code and its tests have printed, of a failed execution the end; left out where nobody "
        "has said.",
    )
    exit_code: int | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="With which an external executor ended the task (POST /webhook/agent-zero); else left out.",
    )
    note: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="What the worker has to say about the result, such as why it ran no code; else left out.",
        examples=["No code was run: bubblewrap (bwrap) is not installed on the worker's machine."],
    )
    execution: ExecutionOut | None = Field(
        default=None, exclude_if=lambda value: value is None, description="Left out until an executor has reported it."
    )
    error: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="Why the task failed, or its latest attempt; else left out.",
    )
    waiting_for: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="What the task waits for, in words, while it is pending; else left out.",
        examples=["a live worker that offers python: none is registered"],
    )

    @classmethod
    def from_task(cls, task: Task) -> Self:
        result, execution = code_tasks.read_result(task), (task.metadata or {}).get(hook_events.EXECUTION)
        return cls(
            task_id=task.id,
            status=TASK_STATUS[task.status],
            created_at=task.created_at,
            started_at=task.leased_at if task.phase is not Phase.PENDING else None,
            completed_at=task.finished_at,
            progress=int(output_stream.progress(task)),
            code=result.code,
            tests_passed=result.tests_passed,
            tests_total=result.tests_total,
            execution_time_ms=result.execution_time_ms,
            tests=None if result.tests is None else [ReportedTest.model_validate(test) for test in result.tests],
            output=result.output,
            exit_code=result.exit_code,
            note=result.note,
            execution=ExecutionOut(**execution) if execution is not None else None,
            error=error_text(task),
            waiting_for=waiting_for(task),
        )


class CodeCancelled(Schema):
    """A task that was cancelled."""

    task_id: str = Field(examples=["task_abc123"])
    status: Literal["cancelled"] = "cancelled"
    cancelled_at: NaiveInstant


class CodeRow(Schema):
    """A task in a list. A long prompt ends in dots."""

    task_id: str = Field(examples=["task_abc123"])
    status: TaskStatus
    language: str
    prompt: str
    created_at: NaiveInstant

    @classmethod
    def from_task(cls, task: Task) -> Self:
        return cls(
            task_id=task.id,
            status=TASK_STATUS[task.status],
            language=task.label or "",
            prompt=task.name or "",
            created_at=task.created_at,
        )


class CodeList(Schema):
    """A part of the list of tasks, newest first. `total` is how many match the filters."""

    tasks: list[CodeRow]
    total: int
    limit: int
    offset: int


class ChunkIn(ChunkFields):
    """A piece of the code that a worker is writing. It names its lease or its attempt, as they came with the task."""

    worker_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    attempt: int = Field(ge=1, le=2**53, strict=True, examples=[1])
    lease: int | None = Field(default=None, ge=1, le=2**53, strict=True, examples=[1])


class ChunkStored(Schema):
    """A piece that is stored, now or before."""

    task_id: str = Field(examples=["task_abc123"])
    seq: int
    status: Literal["accepted"] = "accepted"


@routes.post(status=201, errors=[409, 413])
def create_code_task(caller: Caller, body: CodeIn, idempotency_key: IdempotencyKey = None) -> Created[CodeOut]:
    """Have code written.

    The task waits for a worker that writes the language. The same Idempotency-Key with the same body gives the same
    answer, with another body 409.
    """
    context: dict[str, Any] = body.context.model_dump(exclude_unset=True)
    request = CodeRequest(body.prompt, body.language, context, idempotency_key)
    task = code_tasks.submit(caller.org, NAME, caller.subject, request)
    accepted = CodeOut(task_id=task.id, prompt=body.prompt, language=body.language, created_at=task.created_at)
    return Created(accepted, location=f"/api/code/status/{task.id}")


@routes.get("/status/{taskId}")
def get_code_status(caller: Caller, task_id: TaskId) -> CodeStatus:
    """Get a task's status, its progress, and its code once it is completed."""
    return CodeStatus.from_task(lifecycle.get(caller.org, task_id, NAME))


@routes.delete("/{taskId}", errors=[409])
def cancel_code_task(caller: Caller, task_id: TaskId) -> CodeCancelled:
    """Cancel a task that has not ended. A worker that holds it is told to stop."""
    task = lifecycle.cancel(caller.org, task_id, NAME)
    return CodeCancelled(task_id=task.id, cancelled_at=task.finished_at or task.updated_at)


@routes.post("/{taskId}/chunks", errors=[409])
def add_code_chunk(caller: Caller, task_id: TaskId, body: ChunkIn) -> ChunkStored:
    """Add a piece to the code that is being written, as a worker.

    A piece with a number that the attempt has changes nothing. A worker that no longer holds the task gets 409.
    """
    holder = Holder(body.worker_id, body.lease, body.attempt)
    chunks.append(caller.org, NAME, task_id, holder, body.chunk)
    return ChunkStored(task_id=task_id, seq=body.seq)


@list_routes.get()
def list_code_tasks(
    caller: Caller,
    status: TaskStatus | None = None,
    language: Language | None = None,
    limit: Limit = 10,
    offset: Offset = 0,
) -> CodeList:
    """List code tasks, newest first. A task must match all filters.

    The list follows the tasks within about a second.
    """
    phase = PHASE[status] if status is not None else None
    page = code_tasks.find_page(caller.org, NAME, phase=phase, language=language, limit=limit, offset=offset)
    rows = [CodeRow.from_task(task) for task in page.tasks]
    return CodeList(tasks=rows, total=page.total, limit=limit, offset=offset)

"""Code tasks: tasks whose workers have code written by a language model, and run tests on it."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chalicelib.domain.code_answers import code_answer, failure_answer
from chalicelib.domain.conversations.conversation import MAX_CONTENT_CHARS
from chalicelib.domain.search.query import Query
from chalicelib.domain.settings.agent import AgentSettings
from chalicelib.domain.tasks.task import Phase, Status, Task
from chalicelib.engine.models import catalogue, current_model
from chalicelib.engine.search import search
from chalicelib.engine.search.search import Page
from chalicelib.engine.settings import agent_settings
from chalicelib.engine.tasks import lifecycle, payload_checks, payloads, submission
from chalicelib.engine.tasks.submission import Submission

TYPE = "code"
PRIORITY = 4
MAX_NAME_CHARS = 200
"""Characters of the prompt that lists show."""
MAX_OUTPUT_CHARS = 2_000_000
"""Of an output in an answer, as Lambda writes it. Of a longer one the end is shown."""
LONGEST_ESCAPE = 12
"""Characters of an answer for one of a text."""


class CodeRequest(NamedTuple):
    """Code to write. `context` is passed on to the worker; its `tests` are run on the code."""

    prompt: str
    language: str
    context: Mapping[str, Any]
    idempotency_key: str | None = None
    id: str | None = None
    """The task's id; None: a new one."""
    notify: tuple[str, ...] = ()
    """Who gets its answer at its end: conversations, messengers."""


class CodeResult(NamedTuple):
    """What a worker reports."""

    code: str | None = None
    tests_passed: int | None = None
    tests_total: int | None = None
    execution_time_ms: int | None = None
    tests: Sequence[Mapping[str, Any]] | None = None
    output: str | None = None
    """What the code and its tests have printed."""
    exit_code: int | None = None
    """That of an external execution."""
    note: str | None = None
    """What a reader should know, such as why no code was run."""


def submit(org: str, pool: str, subject: str, request: CodeRequest) -> Task:
    """Have code written: a worker that writes the language gets the task, with the org's settings and models as of
    now. Three calls.

    Raises TooLarge for a request that does not fit into one WebSocket frame, IdempotencyMismatch.
    """
    settings = agent_settings.get(org)
    payload = _payload(org, request, settings)
    payload_checks.require_inline_size(payload, "context")
    return submission.submit(org, subject, _submission(pool, payload, request, settings))


def _payload(org: str, request: CodeRequest, settings: AgentSettings) -> dict[str, Any]:
    """What the worker gets. The models are those that it should ask, in this order, with the org's parameters; without
    any it chooses itself."""
    models = [entry.model.id for entry in catalogue.list_models(org)]
    current = current_model.get_current(org) if models else None
    current_id = current.entry.model.id if current is not None else None
    return {
        "prompt": request.prompt,
        "language": request.language,
        "context": dict(request.context),
        "model": current_id,
        "fallback": [model for model in models if model != current_id],
        "temperature": current.temperature if current is not None else None,
        "top_p": current.top_p if current is not None else None,
        "timeout_seconds": settings.timeout_seconds,
    }


def _submission(pool: str, payload: Mapping[str, Any], request: CodeRequest, settings: AgentSettings) -> Submission:
    return Submission(
        pool=pool,
        type=TYPE,
        name=shorten(request.prompt),
        label=request.language,
        priority=PRIORITY,
        payload=payload,
        capabilities=(request.language,),
        timeout_seconds=settings.timeout_seconds,
        max_attempts=settings.max_retries + 1,
        idempotency_key=request.idempotency_key,
        id=request.id,
        notify=request.notify,
        request=[request.prompt, request.language, request.context],
    )


def shorten(prompt: str) -> str:
    """The prompt as lists show it: one that is long ends in dots."""
    return prompt if len(prompt) <= MAX_NAME_CHARS else prompt[: MAX_NAME_CHARS - 3] + "..."


def find_page(org: str, pool: str, *, phase: Phase | None, language: str | None, limit: int, offset: int) -> Page:
    """A page of code tasks, newest first, and how many there are in all. Two calls; one more for each 8,000 tasks
    between the page and the nearer end of the list. The list follows the tasks within about a second.

    Raises InvalidRequest for a page that is too far from both ends.
    """
    query = Query(phases=frozenset({phase}) if phase is not None else None, label=language)
    return search.find_page(org, pool, query, limit=limit, offset=offset)


def read_result(task: Task) -> CodeResult:
    """What the worker of a completed task has reported, None for what it has not; of a failed task what its execution
    has printed. One call if it is large."""
    if task.status is not Status.COMPLETED:
        details = (task.error or {}).get("details") if task.status is Status.FAILED else None
        return _failed_execution(details) if isinstance(details, Mapping) else CodeResult()
    result = lifecycle.load_result(task)
    if not isinstance(result, Mapping):
        return CodeResult()
    duration_ms = result.get("execution_time_ms")
    return CodeResult(
        code=str(result.get("code", "")),
        tests_passed=result.get("tests_passed"),
        tests_total=result.get("tests_total"),
        execution_time_ms=None if duration_ms is None else round(duration_ms),
        tests=result.get("tests"),
        output=_shown_output(result.get("output")),
        exit_code=_whole_number(result.get("exit_code")),
        note=result.get("note"),
    )


def _shown_output(output: str | None) -> str | None:
    if output is None or payloads.answer_chars(output) <= MAX_OUTPUT_CHARS:
        return output
    return output[-MAX_OUTPUT_CHARS // LONGEST_ESCAPE :]


def _failed_execution(details: Mapping[str, Any]) -> CodeResult:
    """What the details of an error say of an execution; details of a worker can have any form."""
    output, exit_code = details.get("output"), _whole_number(details.get("exit_code"))
    is_execution = exit_code is not None and isinstance(output, str)
    return CodeResult(output=output, exit_code=exit_code) if is_execution else CodeResult()


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def read_code(task: Task) -> str | None:
    """The code of a completed task; None of another one. One call if the result is large."""
    return read_result(task).code


def read_answer(task: Task) -> str:
    """What the assistant says of an ended task to those who asked for it in a conversation. One call, two for a large
    result."""
    if task.status is not Status.COMPLETED:
        return failure_answer(task.id, task.error, MAX_CONTENT_CHARS)
    # What is due is often read without results.
    result = lifecycle.load_result(lifecycle.get(task.org, task.id))
    return code_answer(task.id, task.label or "", result if isinstance(result, Mapping) else {}, MAX_CONTENT_CHARS)

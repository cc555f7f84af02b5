"""The stream of a code task (delqhi-platform.md, "Stream Code Task Results").

Each attempt begins with `code_start`. The `chunk`s of the `code_chunk`s that follow it, concatenated, are the code.
"""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from chalicelib.apis.codeserver.access import NAME, STREAM
from chalicelib.apis.codeserver.code import TaskId
from chalicelib.apis.codeserver.states import TASK_STATUS, error_text
from chalicelib.domain.chunks.chunk import Position
from chalicelib.domain.chunks.output_events import EventKind, OutputEvent
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.edge import SECRET, Caller, Header, NoContent, Query, Routes, ServerEvent, Stream, event_stream
from chalicelib.engine import code_tasks
from chalicelib.engine.chunks import output_stream
from chalicelib.engine.chunks.output_stream import Followed
from chalicelib.engine.tasks import lifecycle

routes = Routes(STREAM, tag="Code tasks")


def _require_position(text: str) -> str:
    if Position.parse(text) is None:
        raise ValueError("must be the id of an event of this stream, such as 1-12")
    return text


EventId = Annotated[str, StringConstraints(max_length=40), AfterValidator(_require_position)]
QueryToken = Annotated[
    Annotated[str, SECRET, Field(max_length=4096, description="The token, where no header can be sent.")] | None,
    Query("token"),
]
LastEventId = Annotated[EventId | None, Header("Last-Event-ID")]


@routes.get("/{taskId}")
def stream_code(
    caller: Caller,
    task_id: TaskId,
    last_event_id: LastEventId = None,
    token: QueryToken = None,  # noqa: ARG001 - read by the authentication
) -> Stream | NoContent:
    """Follow a task as server-sent events: code_start, code_chunk, then code_complete or code_error.

    A client that comes back with Last-Event-ID gets what it has missed. The stream of a task that has ended is
    answered again; a client that has all of it gets 204, which ends an EventSource.
    """
    after = Position.parse(last_event_id) if last_event_id is not None else None
    task = lifecycle.get(caller.org, task_id, NAME)
    followed = output_stream.follow(task, after, code_tasks.read_code)
    return NoContent() if followed is None else Stream(event_stream(_server_events(followed)))


def _server_events(followed: Iterator[Followed | None]) -> Iterator[ServerEvent | None]:
    return (None if each is None else _server_event(*each) for each in followed)


def _server_event(event: OutputEvent, task: Task) -> ServerEvent:
    name, data = _content(event, task)
    return ServerEvent(name, data, str(event.position))


def _content(event: OutputEvent, task: Task) -> tuple[str, dict[str, Any]]:
    if event.kind is EventKind.CHUNK:
        return "code_chunk", {"chunk": event.text, "progress": int(event.progress)}
    if event.kind is EventKind.START:
        return "code_start", {"task_id": task.id}
    if task.status is Status.COMPLETED:
        return "code_complete", {"task_id": task.id, "total_time_ms": (task.finished_at or 0) - task.created_at}
    reason = error_text(task) if task.status is not Status.CANCELLED else "The task was cancelled"
    return "code_error", {"task_id": task.id, "status": TASK_STATUS[task.status], "error": reason}

"""Read a task's output as a stream of events, while it is made and after."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from chalicelib.domain.chunks import output_events
from chalicelib.domain.chunks.chunk import Position
from chalicelib.domain.chunks.output_events import Output, OutputEvent
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.tasks import lifecycle
from chalicelib.storage.chunks import chunks as storage
from chalicelib.storage.tasks import tasks as task_storage

ReadResult = Callable[[Task], str | None]
"""The final output of an ended task; None if it has none."""


class Followed(NamedTuple):
    """An event of the stream, and the task as of then."""

    event: OutputEvent
    task: Task


def progress(task: Task) -> float:
    """The progress of a task in percent, by the chunks and reports of its latest attempt, also after that has ended.
    One call, none for a task that is completed or was never leased."""
    if task.status is Status.COMPLETED or not task.epoch:
        return task.progress or 0
    return max(task.progress or 0, storage.find_state(task.id, task.epoch).progress)


def read_text(task: Task) -> str:
    """What the task's latest lease has streamed, without a gap. One call for each hundred chunks, none for a task that
    was never leased."""
    output, is_last = Output(task.epoch), not task.epoch
    while not is_last:
        output, events = _read_further(task, output)
        is_last = len(events) < storage.PAGE
    return output.text


def follow(task: Task, after: Position | None, read_result: ReadResult) -> Iterator[Followed | None] | None:
    """The events of a task's output behind a position, up to its end; None if the task has ended and there are none.

    The iterator never waits: it gives None where there is nothing new, and can be asked again a little later. For an
    ended task one call for each hundred chunks, and one more for a large result; for another one at each turn one call
    for its chunks and, if there are none, one for the task.
    """
    if not task.is_terminal:
        return _follow(task, after, read_result)
    events = output_events.events_after(_all_events(task, read_result), after)
    return (Followed(event, task) for event in events) if events else None


def _follow(task: Task, after: Position | None, read_result: ReadResult) -> Iterator[Followed | None]:
    output: Output | None = None
    while not task.is_terminal:
        events: list[OutputEvent] = []
        if task.is_held:
            output, events = _read_on(task, output)
        yield from (Followed(event, task) for event in events if after is None or event.position > after)
        if not events:
            yield None
            latest = task_storage.find_many([task.id]).get(task.id)
            if latest is None:
                return
            task = latest
    yield from _finish(task, output, after, read_result)


def _read_on(task: Task, output: Output | None) -> tuple[Output, list[OutputEvent]]:
    """The next events of a held task, and what was read with them. One call."""
    is_new = output is None or output.epoch != task.epoch
    read = Output(task.epoch) if output is None or is_new else output
    further, events = _read_further(task, read)
    return further, [read.start, *events] if is_new else events


def _read_further(task: Task, output: Output) -> tuple[Output, list[OutputEvent]]:
    """The output with its next chunks, and their events. One call."""
    return output_events.extend(output, storage.list_after(task.id, output.epoch, output.seq))


def _finish(
    task: Task, output: Output | None, after: Position | None, read_result: ReadResult
) -> Iterator[Followed | None]:
    """The events that are left after the task has ended. Raises NotFound if it has been deleted."""
    task = lifecycle.get(task.org, task.id)
    is_behind = output is None or (after is not None and after > Position(output.epoch, output.seq))
    if output is None or is_behind or output.epoch != task.epoch:
        events = output_events.events_after(_all_events(task, read_result), after)
    else:
        events = _remaining_events(task, output, read_result)
    yield from (Followed(event, task) for event in events)


def _all_events(task: Task, read_result: ReadResult) -> list[OutputEvent]:
    """Every event of an ended task, also of one that was never leased."""
    output = Output(task.epoch)
    return [output.start, *_remaining_events(task, output, read_result)]


def _remaining_events(task: Task, output: Output, read_result: ReadResult) -> list[OutputEvent]:
    """The events of an ended task behind what was read."""
    remaining: list[OutputEvent] = []
    is_last = False
    while not is_last:
        output, events = _read_further(task, output)
        remaining += events
        is_last = len(events) < storage.PAGE
    return remaining + output_events.closing_events(output, read_result(task))

"""Events that other systems report: each is kept once, and one about a task that has not ended ends it."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.engine import content_tasks
from chalicelib.engine.documents import documents
from chalicelib.engine.security import cursors
from chalicelib.engine.tasks import by_owner, lifecycle, payloads
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.documents import documents as storage

KIND = "inbound-event"
RETENTION_MS = 30 * clock.DAY
TASK_COMPLETED, TASK_FAILED = "task.completed", "task.failed"
MAX_ERROR_CHARS = 2_000
MAX_DATA_CHARS = 16_000
"""Characters of an event's data as JSON: a page of events has the data of each."""
MAX_PAGE_CHARS = 2_000_000
"""Of the data of one page."""
_LATEST = 2**48 - 1
"""The last millisecond that an ordered id can hold."""
Outcome = Literal["task_ended", "task_unknown", "task_unchanged", "noted"]


class InboundEvent(NamedTuple):
    """What another system reports: the name of the event, when it happened (epoch milliseconds), and what it says."""

    name: str
    occurred_at: int
    data: Mapping[str, Any]


class Page(NamedTuple):
    """Some of the events, those that happened last first; `cursor` leads to the others, None at the end."""

    events: list[Document]
    cursor: str | None


def receive(org: str, event: InboundEvent, by: str, pools: Collection[str]) -> Outcome:
    """Take an event. One about a task of these pools, which `task_id` in its data names, ends the task, if it has not
    ended. The event is kept for RETENTION_MS; the same one again changes nothing. One to five calls.
    Raises InvalidRequest for data of more than MAX_DATA_CHARS."""
    _require_small(event.data)
    at = min(max(event.occurred_at, 0), _LATEST)
    identifier = ids.derived_at(at, "event", org, event.name, str(at), payloads.digest(event.data))
    stored = storage.find(org, KIND, identifier)
    if stored is not None:  # the task may have been begun again since
        known: Outcome = stored.body["outcome"]
        return known
    outcome = _end_task(org, event, by, pools)
    body = {
        "name": event.name,
        "occurred_at": event.occurred_at,
        "data": dict(event.data),
        "outcome": outcome,
        "by": by,
    }
    document = documents.new(org, KIND, body, id=identifier, expires_at_ms=clock.now() + RETENTION_MS)
    with suppress(Conflict):  # it was taken before
        documents.create(document)
    return outcome


def _require_small(data: Mapping[str, Any]) -> None:
    if len(payloads.compact_json(data)) > MAX_DATA_CHARS:
        what = f"must be at most {MAX_DATA_CHARS} characters as JSON, all in all"
        raise InvalidRequest(f"data: {what}", fields={"data": what})


def _end_task(org: str, event: InboundEvent, by: str, pools: Collection[str]) -> Outcome:
    task_id = event.data.get("task_id")
    if event.name not in (TASK_COMPLETED, TASK_FAILED) or not isinstance(task_id, str):
        return "noted"
    try:
        pool = lifecycle.get(org, task_id).pool
        if pool not in pools:
            return "task_unknown"
        follow = content_tasks.leaving_workflow if pool == content_tasks.POOL else by_owner.nothing_follows
        if event.name == TASK_COMPLETED:
            by_owner.complete(org, task_id, pool, by, event.data.get("result"), follow)
        else:
            message = str(event.data.get("error") or "It failed elsewhere")[:MAX_ERROR_CHARS]
            by_owner.fail(org, task_id, pool, by, message, retry=False, follow=follow)
    except NotFound:
        return "task_unknown"
    except Conflict:
        return "task_unchanged"
    return "task_ended"


def find_page(org: str, limit: int, cursor: str | None = None) -> Page:
    """The events of an org, those that happened last first. A page that grows too large ends early. One call for each
    megabyte. Raises InvalidRequest for another list's cursor."""
    after = cursors.read(cursor, KIND, org) if cursor is not None else None
    found = storage.find_page(org, KIND, after=after, limit=limit)
    shown = list(payloads.that_fit(found, lambda event: payloads.answer_chars(event.body["data"]), MAX_PAGE_CHARS))
    is_last = len(shown) == len(found) < limit
    return Page(shown, None if is_last else cursors.seal(shown[-1].id, KIND, org))

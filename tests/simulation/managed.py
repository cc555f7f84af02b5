"""The promises about what people manage, as functions of what is stored and what happened (see invariants).

All of them hold once everything was relayed and the chores are done.
"""

from collections import Counter
from collections.abc import Iterator

from chalicelib.config import settings
from chalicelib.domain.changes import derive, document_changes
from chalicelib.domain.changes.effects import Announcement, Topic
from chalicelib.domain.changes.public_events import public_event_id
from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.domain.document import JOB_KIND
from chalicelib.domain.search.index_updates import COUNTER_KEY, IndexState, IndexUpdate, Row, index_state
from chalicelib.domain.search.query import position
from chalicelib.domain.tasks.task_fields import task_project
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import DeliveryItem
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.documents.documents import DocumentItem
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.workers import workers as worker_storage
from tests.simulation.people import POOL, managed
from tests.support import aws
from tests.support.world import ORG, World


def lists_equal_a_recount(world: World) -> None:
    """13: each task is in exactly the lists that it belongs to, and each list's counters are right."""
    rows: set[Row] = set()
    numbers: Counter[tuple[Row, str]] = Counter()
    for task in managed(world):
        update = IndexUpdate(task.org, task.pool, position(task), IndexState(), index_state(task))
        rows |= set(update.rows(update.added_marks))
        numbers.update(update.counters(update.added_marks))
    every = aws.raw_items(settings().listings_table)
    stored = [raw for raw in every if raw["list"]["S"].startswith(f"{ORG}#{POOL}#") and "marks" not in raw]
    found = {Row(raw["list"]["S"], raw["rank"]["S"]) for raw in stored}
    listed = {row for row in found if row.sort_key != COUNTER_KEY}
    assert listed == rows, f"lists differ from a recount: {listed - rows} / {rows - listed}"
    assert _counted(stored) == numbers, f"counters differ: {_counted(stored) - numbers} / {numbers - _counted(stored)}"


def _counted(stored: list[dict[str, dict[str, str]]]) -> Counter[tuple[Row, str]]:
    numbers = {
        (Row(raw["list"]["S"], raw["rank"]["S"]), name): int(value["N"])
        for raw in stored
        for name, value in raw.items()
        if "N" in value and int(value["N"])
    }
    return Counter(numbers)


def chores_end(_: World) -> None:
    """14: nothing is left to be done in the background, and of what was deleted nothing is left."""
    left = [item.body["chore"] for item in aws.items(DocumentItem) if item.kind == JOB_KIND]
    assert not left, f"chores that never end: {left}"


def nothing_dangles(world: World) -> None:
    """14: no task names a project or waits for an agent that is not there."""
    there = {item.id for item in aws.items(DocumentItem) if item.kind == "project"}
    crew = {worker.id for worker in world.workers() if not worker.removed}
    for task in managed(world):
        assert task_project(task) in {None, *there}, f"{task.id} belongs to a project that is gone"
        waits = task.wanted_worker is not None and not task.is_terminal
        assert not waits or task.wanted_worker in crew, f"{task.id} waits for an agent that is gone"


def every_change_is_announced_once(world: World) -> None:
    """9: each change that is announced has become one delivery for each webhook that asked for it; only what happened
    to something that is gone meanwhile may be told by its deletion alone. And nothing else was delivered."""
    said = {public_event_id(one): one for one in _announced()}
    there = {task.id for task in world.tasks()} | {worker.id for worker in world.workers()}
    there |= {item.id for item in aws.items(DocumentItem)}
    must = {name: one for name, one in said.items() if one.subject in there or one.topic in _GONE}
    for webhook in (item for item in aws.items(DocumentItem) if item.kind == "webhook"):
        every = [one.event_id for one in _deliveries() if one.receiver == webhook.id]
        told, due, known = set(every), _asked(webhook, must), _asked(webhook, said)
        assert due <= told <= known, f"{webhook.id}: untold {due - told}, made up {told - known}"
        assert len(told) == len(every), f"{webhook.id}: something is delivered twice"
    for one in _deliveries():
        assert one.status != "pending" or one.wake_at is not None, f"{one.id} is never tried again"


def _asked(webhook: DocumentItem, found: dict[str, Announcement]) -> set[str]:
    return {name for name, one in found.items() if one.topic in webhook.body["events"]}


_GONE = (Topic.TASK_DELETED, Topic.AGENT_DELETED, Topic.PROJECT_DELETED)


def _deliveries() -> list[Delivery]:
    return [deliveries.parse(item) for item in aws.items(DeliveryItem) if item.event is not None]


def _announced() -> Iterator[Announcement]:
    """What is announced of all that the tables' own streams say happened."""
    rules = (
        (settings().tasks_table, derive.task_effects, task_table.from_raw),
        (settings().documents_table, document_changes.document_effects, document_storage.from_raw),
        (settings().workers_table, derive.worker_effects, _worker),
    )
    for table, effects, parse in rules:
        for record in aws.stream_records(table):
            old, new = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
            said = effects(old and parse(old), new and parse(new)).announcements
            yield from (one for one in said if one.pool == POOL)


def _worker(raw: worker_storage.RawItem) -> worker_storage.Worker | None:
    return worker_storage.from_raw(raw) if worker_storage.is_worker(raw) else None


AT_REST = (lists_equal_a_recount, chores_end, nothing_dangles, every_change_is_announced_once)

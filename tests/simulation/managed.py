"""Invariants of the projects API, as those of tests/simulation/invariants.py.

They hold when every change is relayed and every background job is finished.
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
from tests.simulation.people import POOL, managed_tasks
from tests.support import aws
from tests.support.world import ORG, World


def lists_equal_a_recount(world: World) -> None:
    """13: each task is in exactly the lists that it belongs to, and the counters of each list are right."""
    rows: set[Row] = set()
    numbers: Counter[tuple[Row, str]] = Counter()
    for task in managed_tasks(world):
        update = IndexUpdate(task.org, task.pool, position(task), IndexState(), index_state(task))
        rows |= set(update.rows(update.added_marks))
        numbers.update(update.counters(update.added_marks))
    every = aws.raw_items(settings().listings_table)
    stored = [raw for raw in every if raw["list"]["S"].startswith(f"{ORG}#{POOL}#") and "marks" not in raw]
    stored_rows = {Row(raw["list"]["S"], raw["rank"]["S"]) for raw in stored}
    listed = {row for row in stored_rows if row.sort_key != COUNTER_KEY}
    assert listed == rows, f"lists differ from a recount: {listed - rows} / {rows - listed}"
    assert _stored_counters(stored) == numbers, (
        f"counters differ: {_stored_counters(stored) - numbers} / {numbers - _stored_counters(stored)}"
    )


def _stored_counters(stored: list[dict[str, dict[str, str]]]) -> Counter[tuple[Row, str]]:
    numbers = {
        (Row(raw["list"]["S"], raw["rank"]["S"]), name): int(value["N"])
        for raw in stored
        for name, value in raw.items()
        if "N" in value and int(value["N"])
    }
    return Counter(numbers)


def jobs_finish(_: World) -> None:
    """14: every background job has finished."""
    unfinished = [item.body["chore"] for item in aws.items(DocumentItem) if item.kind == JOB_KIND]
    assert not unfinished, f"unfinished jobs: {unfinished}"


def references_exist(world: World) -> None:
    """14: no task belongs to a project or waits for an agent that does not exist."""
    existing = {item.id for item in aws.items(DocumentItem) if item.kind == "project"}
    workers = {worker.id for worker in world.workers() if not worker.removed}
    for task in managed_tasks(world):
        assert task_project(task) in {None, *existing}, f"{task.id} belongs to a project that is gone"
        waits = task.wanted_worker is not None and not task.is_terminal
        assert not waits or task.wanted_worker in workers, f"{task.id} waits for an agent that is gone"


def every_change_is_announced_once(world: World) -> None:
    """9: each announced change has one delivery for each webhook that subscribes to its topic, and nothing else is
    delivered. For a document that was deleted since, only its deletion must be delivered."""
    announced = {public_event_id(one): one for one in _expected_announcements()}
    existing = {task.id for task in world.tasks()} | {worker.id for worker in world.workers()}
    existing |= {item.id for item in aws.items(DocumentItem)}
    required = {name: one for name, one in announced.items() if one.subject in existing or one.topic in DELETION_TOPICS}
    for webhook in (item for item in aws.items(DocumentItem) if item.kind == "webhook"):
        every = [one.event_id for one in _deliveries() if one.receiver == webhook.id]
        delivered, expected, possible = (
            set(every),
            _subscribed_ids(webhook, required),
            _subscribed_ids(webhook, announced),
        )
        missing, unexpected = expected - delivered, delivered - possible
        assert not missing and not unexpected, f"{webhook.id}: missing {missing}, unexpected {unexpected}"
        assert len(delivered) == len(every), f"{webhook.id}: something is delivered twice"
    for delivery in _deliveries():
        assert delivery.status != "pending" or delivery.wake_at is not None, f"{delivery.id} is never tried again"


def _subscribed_ids(webhook: DocumentItem, announcements: dict[str, Announcement]) -> set[str]:
    return {name for name, one in announcements.items() if one.topic in webhook.body["events"]}


DELETION_TOPICS = (Topic.TASK_DELETED, Topic.AGENT_DELETED, Topic.PROJECT_DELETED)


def _deliveries() -> list[Delivery]:
    return [deliveries.parse(item) for item in aws.items(DeliveryItem) if item.event is not None]


def _expected_announcements() -> Iterator[Announcement]:
    """The announcements that follow from the records of all tables' streams."""
    rules = (
        (settings().tasks_table, derive.task_effects, task_table.from_raw),
        (settings().documents_table, document_changes.document_effects, document_storage.from_raw),
        (settings().workers_table, derive.worker_effects, _worker),
    )
    for table, effects, parse in rules:
        for record in aws.stream_records(table):
            old, new = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
            announcements = effects(old and parse(old), new and parse(new)).announcements
            yield from (one for one in announcements if one.pool == POOL)


def _worker(raw: worker_storage.RawItem) -> worker_storage.Worker | None:
    return worker_storage.from_raw(raw) if worker_storage.is_worker(raw) else None


AT_REST = (lists_equal_a_recount, jobs_finish, references_exist, every_change_is_announced_once)

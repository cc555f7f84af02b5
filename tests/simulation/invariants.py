"""The promises as functions of what is stored and what happened. Each raises AssertionError naming the culprit.

Those of `ALWAYS` hold at any moment, between any two calls; those of `AT_REST` once everything was relayed.
"""

from collections import Counter, defaultdict

from chalicelib.config import settings
from chalicelib.domain.statistics import counters as statistics
from chalicelib.domain.statistics import event_counts
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.domain.tasks.transitions import MAX_CHECK_INTERVAL_MS
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.workers import registry as workers
from chalicelib.engine.workers import websocket_workers
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import ConnectionsTable
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.table import TaskItem
from chalicelib.storage.workers import pools
from chalicelib.storage.workers import workers as worker_storage
from tests.support import aws
from tests.support.world import World

History = list[tuple[Task | None, Task]]
"""Every change of every task, in order, from the table's own stream."""


def history(_: World) -> History:
    """What the tasks table says happened to it."""
    changes: History = []
    for record in aws.stream_records(settings().tasks_table):
        old, new = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
        if new is not None:
            changes.append((task_table.from_raw(old) if old else None, task_table.from_raw(new)))
    return changes


def nothing_is_forgotten(world: World) -> None:
    """1: a task is terminal, or has a moment at which it will be looked at."""
    for task in world.tasks():
        assert task.is_terminal or task.wake_at is not None, f"{task.id} is {task.status} and will never wake"


def waiting_tasks_are_looked_at(world: World) -> None:
    """1: a waiting task is soon looked at itself, or its pool knows its lane and is looked at."""
    known = {(memory.org, memory.pool): memory for memory in world.pools()}
    for task in world.tasks():
        if task.is_queued and (task.wake_at or 0) > task.updated_at + MAX_CHECK_INTERVAL_MS:
            memory = known.get((task.org, task.pool))
            watched = memory is not None and memory.wake_at is not None and task.lane in memory.lanes
            assert watched, f"{task.id} waits in {task.lane}, and nobody looks at it"


def slots_equal_leases(world: World) -> None:
    """2, 3: a worker's slots are exactly the leases of the tasks it holds, and never more than it may have."""
    held: dict[str, dict[str, int]] = defaultdict(dict)
    for task in world.tasks():
        if task.is_held_by_worker:
            assert task.worker_id is not None
            held[task.worker_id][task.id] = task.epoch
    for worker in world.workers():
        assert dict(worker.leases) == held.pop(worker.id, {}), f"{worker.id}: slots differ from the leases"
        assert len(worker.leases) <= worker.max_concurrent, f"{worker.id} holds too much"
    assert not held, f"leases of workers that are gone: {dict(held)}"


def permits_equal_leases(world: World) -> None:
    """3: who holds a key's permits are exactly its tasks that workers hold, and never more than their limit."""
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for task in world.tasks():
        if task.is_held_by_worker and task.concurrency_limit is not None:
            held[f"{task.org}#{task.pool}", task.concurrency_limit.key].add(task.id)
            assert len(held[f"{task.org}#{task.pool}", task.concurrency_limit.key]) <= task.concurrency_limit.limit, (
                f"{task.concurrency_limit} is passed"
            )
    assert world.limit_holders() == held, "permits differ from the leases"


def attempts_stay_within_bounds(world: World) -> None:
    """4: never more attempts than allowed."""
    for task in world.tasks():
        assert task.attempts <= task.max_attempts, f"{task.id}: {task.attempts} of {task.max_attempts} attempts"


def the_past_is_lawful(world: World) -> None:
    """2, 4: epochs and attempts never fall, an ended task changes only by a replay, unless it says something else
    without moving, the cancelled never start."""
    for old, new in history(world):
        if old is None:
            continue
        assert new.version == old.version + 1, f"{new.id}: version {old.version} -> {new.version}"
        assert old.epoch <= new.epoch <= old.epoch + 1 and new.attempts >= old.attempts, f"{new.id} went back"
        free = old.status is Status.PENDING or (old.is_held and new.person is not None)  # who takes it from its agent
        assert new.epoch == old.epoch or free, f"{new.id}: leased from {old.status}"
        if old.is_terminal:
            replayed = old.status in (Status.FAILED, Status.TIMED_OUT) and new.status is Status.PENDING
            assert replayed or _said_anew(old, new), f"{new.id}: {old.status} -> {new.status}"


def _said_anew(old: Task, new: Task) -> bool:
    """Whether a task stayed in its state and says something else."""
    return new.status is old.status and new.edits > old.edits


def urgent_tasks_go_first(world: World, assigned: frozenset[tuple[str, int]] = frozenset()) -> None:
    """5: nobody is leased a task while a more urgent one that it could take is ready, in a lane the pool knows; unless
    its owner `assigned` it so: (task id, epoch), or the other one has failed and may wait for a better worker."""
    ready: dict[str, Task] = {}
    known: set[tuple[str, str]] = set()
    permits: dict[str, set[str]] = defaultdict(set)
    workers = {worker.id: worker for worker in world.workers()}
    for old, new in history(world):
        leased = old is not None and new.epoch > old.epoch and new.worker_id in workers
        if leased and (new.id, new.epoch) not in assigned:  # an owner assigns without the pool
            known.add((new.pool, new.lane))
            _no_more_urgent(new, workers[new.worker_id], ready, known, permits)
        if new.concurrency_limit is not None:
            (
                permits[new.concurrency_limit.key].add
                if new.is_held_by_worker
                else permits[new.concurrency_limit.key].discard
            )(new.id)
        if new.is_queued:
            ready[new.id] = new
        else:
            ready.pop(new.id, None)


def _no_more_urgent(
    taken: Task, worker: Worker, ready: dict[str, Task], known: set[tuple[str, str]], permits: dict[str, set[str]]
) -> None:
    for other in ready.values():
        permitted = (
            other.concurrency_limit is None or len(permits[other.concurrency_limit.key]) < other.concurrency_limit.limit
        )
        free = (
            other.wanted_worker in (None, worker.id)
            and (other.pool, other.lane) in known
            and worker.can_serve(other.needs)
        )
        may_wait = other.attempts > 0
        if other.id != taken.id and other.pool == taken.pool and permitted and free and not may_wait:
            assert other.priority <= taken.priority, f"{taken.id} was leased before the more urgent {other.id}"


def the_log_is_the_history(world: World) -> None:
    """6: every task's entries in the log are its transitions, each once."""
    expected: Counter[tuple[str, str]] = Counter()
    for old, new in history(world):
        kind = _transition(old, new)
        if kind is not None:
            expected[(new.id, kind)] += 1
    expected.update((name, "swept") for name in _removed())
    logged = Counter((event.subject, str(event.kind)) for event in world.log() if event.subject.startswith("task_"))
    assert logged == expected, f"log and history differ: {logged - expected} / {expected - logged}"


def _removed() -> list[str]:
    """Ids of the tasks that were removed, again for each time."""
    changes = [record["dynamodb"] for record in aws.stream_records(settings().tasks_table)]
    return [change["Keys"]["id"]["S"] for change in changes if "NewImage" not in change]


def _transition(old: Task | None, new: Task) -> str | None:
    """Told apart by states alone, not by the rules that are under test."""
    if old is None:
        return "submitted"
    if new.person is not None and new.epoch > old.epoch:
        return "taken"
    if new.status is old.status:
        return "edited" if new.edits > old.edits else "overdue" if new.overdue and not old.overdue else None
    if new.status is Status.RUNNING:
        return "started"
    if new.status is not Status.PENDING:
        return str(new.status)
    if old.is_terminal:
        return "replayed"
    return "retried" if new.attempts > old.attempts else "released"


def counters_equal_a_recount(world: World) -> None:
    """6: every row is what a recount of the log makes of it."""
    counted = event_counts.count_events(world.log())
    stored = world.rows()
    for row in counted.keys() | stored.keys():
        assert _nonzero(stored.get(row)) == _nonzero(counted.get(row)), f"{row} differs from its recount"


def _nonzero(counts: Counts | None) -> dict[str, int]:
    return {name: value for name, value in (counts.values if counts else {}).items() if value}


def gauges_equal_the_tasks(world: World) -> None:
    """6: what the counters call pending and active is what there is."""
    now: dict[str, Counter[str]] = defaultdict(Counter)
    for task in world.tasks():
        for gauge in _gauges(task):
            now[statistics.lifetime_partition(task.org, task.pool)][gauge] += 1
    rows = world.rows()
    for where, counts in now.items():
        row = rows.get((where, statistics.NOW_ROW), Counts())
        assert _nonzero(row) == counts, f"{where}: gauges are off"


def _gauges(task: Task) -> list[str]:
    if task.is_terminal:
        return [f"kept_{'failed' if task.status is Status.TIMED_OUT else task.status}"]
    held = ["active", "running"] if task.status is Status.RUNNING else ["active"]
    return held if task.is_held else ["pending"]


def workers_counters_equal_a_recount(world: World) -> None:
    """6: what each worker has completed and burned, and what those before it had, is what the log makes of it."""
    logged: dict[str, Counter[str]] = defaultdict(Counter)
    for (partition, row), counts in event_counts.count_events(world.log()).items():
        if row.startswith("worker#") and "#" not in partition.partition("#")[2]:
            ended = Counter(completed=counts["completed"], failed=counts.failures)
            logged[partition].update(ended)
            logged[partition + row].update(ended)
    stored: dict[str, Counter[str]] = defaultdict(Counter)
    for worker in world.workers():
        where, mine = f"{worker.org}#{worker.pool}", Counter(completed=worker.completed, failed=worker.failed)
        stored[where].update(mine)
        assert mine == logged[f"{where}worker#{worker.id}"], f"{worker.id}: its counters differ from the log"
    for where in logged.keys() - {name for name in logged if "worker#" in name}:
        memory, _ = pools.find_with_workers(*where.split("#"))
        departed = Counter(completed=memory.departed_completed, failed=memory.departed_failed)
        stored[where].update(departed)
        assert stored[where] == logged[where], f"{where}: its workers' counters differ from the log"


def each_task_stands_where_it_is_looked_for(world: World) -> None:
    """6: each task stands once among all of its pool and once in its state; a queued one in its lane, one that is or
    was somebody's at that worker's, any other in no such place; those of pools without lists in their lanes alone."""
    standing: dict[str, Counter[tuple[str, str]]] = {"place": Counter(), "age": Counter(), "phase": Counter()}
    for item in TaskItem.by_place.scan():
        standing["place"][item.id, item.place] += 1
    for item in TaskItem.by_age.scan():
        standing["age"][item.id, item.owner] += 1
    for item in TaskItem.by_phase.scan():
        standing["phase"][item.id, item.shelf] += 1
    tasks = world.tasks()
    listed = [task for task in tasks if task.pool in settings().listed_pools]
    ages = Counter((task.id, f"{task.org}#{task.pool}") for task in listed)
    assert standing["age"] == ages, "the index of ages is off"
    shelves = Counter((task.id, f"{task.org}#{task.pool}#{_shelf(task)}") for task in listed)
    assert standing["phase"] == shelves, "the index of states is off"
    places = Counter((task.id, place) for task in tasks if (place := _place(task)) is not None)
    assert standing["place"] == places, f"out of place: {standing['place'] - places} / {places - standing['place']}"


def _shelf(task: Task) -> str:
    """The states as lists tell them apart: whoever timed out has failed."""
    return "failed" if task.status is Status.TIMED_OUT else str(task.status)


def _place(task: Task) -> str | None:
    if task.status is Status.PENDING:
        waits = task.run_at is None and not task.manual
        return f"{task.org}#{task.pool}#{task.lane}" if waits else None
    kept = task.worker_id is not None and task.pool in settings().listed_pools
    return f"{task.org}#{task.pool}@{task.worker_id}" if kept else None


def watchers_are_told_everything_in_order(world: World) -> None:
    """11: over any connection the changes come one after the other, none left out."""
    for connection, frames in world.sockets.sent.items():
        told = list(dict.fromkeys(frame["sequence"] for frame in frames if "sequence" in frame))
        if told:
            assert told == list(range(told[0], told[-1] + 1)), f"{connection} was told {told}"


def watchers_are_up_to_date(world: World) -> None:
    """11: whoever watches was told all from where it began up to the latest change."""
    for item in aws.items(ConnectionsTable):
        if item.live and item.sort in world.sockets.open:
            told = {frame["sequence"] for frame in world.sockets.sent[item.sort] if "sequence" in frame}
            head = connections.find_head(item.key.partition("#")[2])
            assert head is not None
            assert told == set(range(int(item.since) + 1, head.sequence + 1)), f"{item.sort} was told {told}"


def no_connection_that_answers_is_replaced(world: World) -> None:
    """12: a worker's open connection gives way to another only when it was silent for too long."""
    patience = websocket_workers.PINGS_MISSED * workers.ping_interval_ms()
    for record in aws.stream_records(settings().workers_table):
        images = [record["dynamodb"].get(name) for name in ("OldImage", "NewImage")]
        if not all(image and worker_storage.is_worker(image) for image in images):
            continue
        old, new = (worker_storage.from_raw(image) for image in images)
        if new.connection not in (None, old.connection) and old.connection in world.sockets.closed:
            silent = new.updated_at - old.last_heartbeat_at
            assert silent > patience, f"{new.id}: {old.connection} was cut off after {silent} ms"


def the_feed_ends_as_the_tasks_did(world: World) -> None:
    """11: of each task that the feed tells of and that is there still, it tells the state that it is in now."""
    latest: dict[str, tuple[int, str]] = {}
    for item in aws.items(ConnectionsTable):
        if item.entry is not None:
            said = (item.entry["version"], item.entry["status"])
            latest[item.entry["task_id"]] = max(said, latest.get(item.entry["task_id"], said))
    now = {task.id: str(task.status) for task in world.tasks()}
    for task_id, (_version, status) in latest.items():
        assert now.get(task_id, status) == status, f"{task_id} is {now[task_id]}, and was last told to be {status}"


def results_were_accepted_once(world: World) -> None:
    """2: at most one completion for each task."""
    completed = Counter(
        new.id
        for old, new in history(world)
        if new.status is Status.COMPLETED and not (old is not None and _said_anew(old, new))
    )
    assert all(count == 1 for count in completed.values()), f"completed more than once: {completed}"


ALWAYS = (
    nothing_is_forgotten,
    waiting_tasks_are_looked_at,
    slots_equal_leases,
    permits_equal_leases,
    attempts_stay_within_bounds,
    watchers_are_told_everything_in_order,
)
AT_REST = (
    *ALWAYS,
    the_past_is_lawful,
    results_were_accepted_once,
    the_log_is_the_history,
    counters_equal_a_recount,
    gauges_equal_the_tasks,
    workers_counters_equal_a_recount,
    each_task_stands_where_it_is_looked_for,
    watchers_are_up_to_date,
    the_feed_ends_as_the_tasks_did,
    no_connection_that_answers_is_replaced,
)

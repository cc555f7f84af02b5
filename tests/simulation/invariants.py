"""The promises of docs/how-it-works/reliability.md as checks of what is stored. Each raises AssertionError.

Those of `ALWAYS` hold at any moment, between any two calls; those of `AT_REST` when every change is relayed. Their
numbers are those of the page.
"""

from collections import Counter, defaultdict
from itertools import pairwise

from chalicelib.config import settings
from chalicelib.domain.contents.content import Status as ContentStatus
from chalicelib.domain.statistics import counters as statistics
from chalicelib.domain.statistics import event_counts
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.pools import EXECUTIONS_POOL
from chalicelib.domain.tasks.task import ApprovalState, Status, Task
from chalicelib.domain.tasks.transitions import MAX_CHECK_INTERVAL_MS
from chalicelib.domain.tasks.worker import Worker
from chalicelib.domain.usage import total_usage
from chalicelib.domain.workflows.definitions import PUBLISH
from chalicelib.engine.contents import contents
from chalicelib.engine.models import chat_tasks
from chalicelib.engine.orchestration import orchestrations, publish_performer
from chalicelib.engine.usage import ledger
from chalicelib.engine.workers import registry as workers
from chalicelib.engine.workers import websocket_workers
from chalicelib.engine.workflows import executions
from chalicelib.storage.connections import connections
from chalicelib.storage.connections.connections import ConnectionsTable
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks.table import TaskItem
from chalicelib.storage.workers import pools
from chalicelib.storage.workers import workers as worker_storage
from tests.support import aws
from tests.support.world import ORG, World

History = list[tuple[Task | None, Task]]
"""Every change of every task, in order, from the table's own stream."""


def history(_: World) -> History:
    """All changes of the tasks table, from its stream."""
    changes: History = []
    for record in aws.stream_records(settings().tasks_table):
        old, new = (record["dynamodb"].get(name) for name in ("OldImage", "NewImage"))
        if new is not None:
            changes.append((task_table.from_raw(old) if old else None, task_table.from_raw(new)))
    return changes


def every_task_has_a_wakeup(world: World) -> None:
    """1: a task is terminal, or has a time at which it will be checked."""
    for task in world.tasks():
        assert task.is_terminal or task.wake_at is not None, f"{task.id} is {task.status} and will never wake"


def waiting_tasks_are_checked(world: World) -> None:
    """1: a waiting task is checked soon itself, or its pool knows its lane and is checked."""
    pools_by_name = {(memory.org, memory.pool): memory for memory in world.pools()}
    for task in world.tasks():
        if task.is_queued and (task.wake_at or 0) > task.updated_at + MAX_CHECK_INTERVAL_MS:
            memory = pools_by_name.get((task.org, task.pool))
            watched = memory is not None and memory.wake_at is not None and task.lane in memory.lanes
            assert watched, f"{task.id} waits in {task.lane}, which is not checked"


def slots_equal_leases(world: World) -> None:
    """2, 3: a worker's slots are exactly the leases of the tasks that it holds, at most `max_concurrent`."""
    leases: dict[str, dict[str, int]] = defaultdict(dict)
    for task in world.tasks():
        if task.is_held_by_worker:
            assert task.worker_id is not None
            leases[task.worker_id][task.id] = task.epoch
    for worker in world.workers():
        assert dict(worker.leases) == leases.pop(worker.id, {}), f"{worker.id}: slots differ from the leases"
        assert len(worker.leases) <= worker.max_concurrent, f"{worker.id} holds too much"
    assert not leases, f"leases of workers that are gone: {dict(leases)}"


def permits_equal_leases(world: World) -> None:
    """3: the permits of a concurrency key belong exactly to its tasks that workers hold, and are within the limit."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    for task in world.tasks():
        if task.is_held_by_worker and task.concurrency_limit is not None:
            holders[f"{task.org}#{task.pool}", task.concurrency_limit.key].add(task.id)
            assert (
                len(holders[f"{task.org}#{task.pool}", task.concurrency_limit.key]) <= task.concurrency_limit.limit
            ), f"{task.concurrency_limit} is passed"
    assert world.limit_holders() == holders, "permits differ from the leases"


def unapproved_tasks_are_not_leased(world: World) -> None:
    """21: no worker ever had a task that a person must approve and has not approved."""
    for task in world.tasks():
        is_refused = task.approval is not None and task.approval.state is not ApprovalState.APPROVED
        assert not is_refused or task.epoch == 0, f"{task.id} was leased, although it is {task.approval}"


def steps_follow_each_other(world: World) -> None:
    """20: a step of a workflow is there only if the step before it is completed."""
    tasks = {task.id: task for task in world.tasks()}
    for execution in tasks.values():
        steps = [tasks.get(executions.step_id(execution, index)) for index in range(len(execution.steps))]
        for before, step in pairwise(steps):
            is_started_early = step is not None and (before is None or before.status is not Status.COMPLETED)
            assert not is_started_early, f"{execution.id}: {step} was started too early"


def executions_end_as_their_steps_do(world: World) -> None:
    """20: an ended execution has no open step, and is completed only if all its steps are."""
    tasks = {task.id: task for task in world.tasks()}
    for execution in tasks.values():
        if not (execution.is_execution and execution.is_terminal):
            continue
        steps = [tasks.get(executions.step_id(execution, index)) for index in range(len(execution.steps))]
        open_steps = [step.id for step in steps if step is not None and not step.is_terminal]
        assert not open_steps, f"{execution.id} has ended, and its steps {open_steps} have not"
        is_whole = all(step is not None and step.status is Status.COMPLETED for step in steps)
        assert execution.status is not Status.COMPLETED or is_whole, f"{execution.id} is completed without its steps"


def approved_content_is_published_once(world: World) -> None:
    """24: what a person approved is one post, which is counted once, and nothing else is one."""
    steps = [task for task in world.tasks() if task.type == PUBLISH.type]
    approved = {
        publish_performer.content_id_of(step)
        for step in steps
        if step.approval is not None and step.approval.state is ApprovalState.APPROVED
    }
    done = {publish_performer.content_id_of(step) for step in steps if step.status is Status.COMPLETED}
    posts = [content.id for content in contents.find_page(ORG, ContentStatus.PUBLISHED, 100).contents]
    assert done <= set(posts) <= approved, f"posts {posts} of {approved}, of which {done} are completed"
    counted = sum(counts["published"] for row, counts in world.rows().items() if row[1] == statistics.CONTENTS)
    assert counted == len(posts), f"{counted} publications are counted of {len(posts)}"


def studio_tasks_end_as_their_executions_do(world: World) -> None:
    """24: a task whose workflow has ended has ended, and the workflow of a task that has ended or is deleted has."""
    tasks = {task.id: task for task in world.tasks()}
    for execution in tasks.values():
        task_id = (execution.metadata or {}).get("task_id")
        if execution.pool != EXECUTIONS_POOL or task_id is None:
            continue
        task = tasks.get(task_id)
        has_ended = task is None or task.is_terminal
        is_next = task is not None and orchestrations.execution_id(task) != execution.id
        ends = execution.is_terminal
        assert has_ended or is_next or not ends, f"{task_id} goes on although {execution.id} has ended"
        assert ends or not has_ended, f"{execution.id} goes on although {task_id} has ended"


def attempts_stay_within_bounds(world: World) -> None:
    """4: never more attempts than allowed."""
    for task in world.tasks():
        assert task.attempts <= task.max_attempts, f"{task.id}: {task.attempts} of {task.max_attempts} attempts"


def transitions_are_legal(world: World) -> None:
    """2, 4: epochs and attempts never decrease. A task that has ended changes only by a replay or by an edit of its
    fields. A cancelled task never starts."""
    for old, new in history(world):
        if old is None:
            continue
        assert new.version == old.version + 1, f"{new.id}: version {old.version} -> {new.version}"
        assert old.epoch <= new.epoch <= old.epoch + 1 and new.attempts >= old.attempts, f"{new.id} went back"
        free = old.status is Status.PENDING or (old.is_held and new.person is not None)  # who takes it from its agent
        assert new.epoch == old.epoch or free, f"{new.id}: leased from {old.status}"
        if old.is_terminal:
            replayed = old.status in (Status.FAILED, Status.TIMED_OUT) and new.status is Status.PENDING
            assert replayed or _is_edit(old, new), f"{new.id}: {old.status} -> {new.status}"


def _is_edit(old: Task, new: Task) -> bool:
    """Whether the change edits a task's fields and leaves its state, or ends the wakeups of an ended task."""
    wakeups_end = old.wake_at is not None and new.wake_at is None
    return new.status is old.status and (new.edits > old.edits or wakeups_end)


def urgent_tasks_go_first(world: World, assigned: frozenset[tuple[str, int]] = frozenset()) -> None:
    """5: a worker is not leased a task while a more urgent one that it can take is ready in a lane that the pool knows.

    Exceptions: a lease in `assigned` (task id, epoch), which a caller has chosen; and a more urgent task that has
    failed, because it may wait for a better worker.
    """
    ready: dict[str, Task] = {}
    known_lanes: set[tuple[str, str]] = set()
    permits: dict[str, set[str]] = defaultdict(set)
    workers = {worker.id: worker for worker in world.workers()}
    for old, new in history(world):
        leased = old is not None and new.epoch > old.epoch and new.worker_id in workers
        if leased and (new.id, new.epoch) not in assigned:  # an owner assigns without the pool
            known_lanes.add((new.pool, new.lane))
            _require_most_urgent(new, workers[new.worker_id], ready, known_lanes, permits)
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


def _require_most_urgent(
    leased_task: Task,
    worker: Worker,
    ready: dict[str, Task],
    known_lanes: set[tuple[str, str]],
    permits: dict[str, set[str]],
) -> None:
    for other in ready.values():
        permitted = (
            other.concurrency_limit is None or len(permits[other.concurrency_limit.key]) < other.concurrency_limit.limit
        )
        free = (
            other.wanted_worker in (None, worker.id)
            and (other.pool, other.lane) in known_lanes
            and worker.can_serve(other.needs)
        )
        may_wait = other.attempts > 0
        if other.id != leased_task.id and other.pool == leased_task.pool and permitted and free and not may_wait:
            assert other.priority <= leased_task.priority, (
                f"{leased_task.id} was leased before the more urgent {other.id}"
            )


def the_log_equals_the_history(world: World) -> None:
    """6: the log has each transition of each task once."""
    expected: Counter[tuple[str, str]] = Counter()
    for old, new in history(world):
        kind = _transition(old, new)
        if kind is not None:
            expected[(new.id, kind)] += 1
    expected.update((name, "swept") for name in _removed_task_ids())
    logged = Counter((event.subject, str(event.kind)) for event in world.log() if event.subject.startswith("task_"))
    assert logged == expected, f"log and history differ: {logged - expected} / {expected - logged}"


def _removed_task_ids() -> list[str]:
    """The id of each removed task, once for each removal."""
    changes = [record["dynamodb"] for record in aws.stream_records(settings().tasks_table)]
    return [change["Keys"]["id"]["S"] for change in changes if "NewImage" not in change]


def _transition(old: Task | None, new: Task) -> str | None:
    """The kind of a change, from the states alone, without the rules under test."""
    if old is None:
        return "submitted"
    if new.person is not None and new.epoch > old.epoch:
        return "taken"
    if new.status is old.status and new.approval != old.approval:
        return "approved"
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
    """6: every row of the counters of tasks equals a recount of the log."""
    counted = event_counts.count_events(world.log())
    stored = {row: counts for row, counts in world.rows().items() if row[1] != statistics.CONTENTS}
    for row in counted.keys() | stored.keys():
        assert _nonzero(stored.get(row)) == _nonzero(counted.get(row)), f"{row} differs from its recount"


def _nonzero(counts: Counts | None) -> dict[str, int]:
    return {name: value for name, value in (counts.values if counts else {}).items() if value}


def gauges_equal_the_tasks(world: World) -> None:
    """6: the gauges of pending and active tasks equal a count of the tasks."""
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
    """6: the completed and failed attempts of each worker, and of removed ones, equal a recount of the log."""
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


def indexes_equal_the_tasks(world: World) -> None:
    """6: each index has exactly the tasks that belong in it.

    Each task is once in the list of its pool and once in that of its state, unless its pool has no lists. A queued task
    is in its lane. A task with a worker, present or past, is in that worker's list.
    """
    indexed: dict[str, Counter[tuple[str, str]]] = {"place": Counter(), "age": Counter(), "phase": Counter()}
    for item in TaskItem.by_place.scan():
        indexed["place"][item.id, item.place] += 1
    for item in TaskItem.by_age.scan():
        indexed["age"][item.id, item.owner] += 1
    for item in TaskItem.by_phase.scan():
        indexed["phase"][item.id, item.shelf] += 1
    tasks = world.tasks()
    listed = [task for task in tasks if task.pool in settings().listed_pools]
    ages = Counter((task.id, f"{task.org}#{task.pool}") for task in listed)
    assert indexed["age"] == ages, "the index of ages is off"
    shelves = Counter((task.id, f"{task.org}#{task.pool}#{_expected_state(task)}") for task in listed)
    assert indexed["phase"] == shelves, "the index of states is off"
    places = Counter((task.id, place) for task in tasks if (place := _expected_place(task)) is not None)
    assert indexed["place"] == places, f"out of place: {indexed['place'] - places} / {places - indexed['place']}"


def _expected_state(task: Task) -> str:
    """The state by which lists group a task: a timed out task counts as failed."""
    return "failed" if task.status is Status.TIMED_OUT else str(task.status)


def _expected_place(task: Task) -> str | None:
    if task.status is Status.PENDING:
        waits = task.run_at is None and not (task.manual or task.awaits_approval or task.is_execution)
        return f"{task.org}#{task.pool}#{task.lane}" if waits else None
    kept = task.worker_id is not None and task.pool in settings().listed_pools
    return f"{task.org}#{task.pool}@{task.worker_id}" if kept else None


def watchers_receive_changes_in_order(world: World) -> None:
    """11: each connection receives the changes in order and without a gap."""
    for connection, frames in world.sockets.sent.items():
        sequences = list(dict.fromkeys(frame["sequence"] for frame in frames if "sequence" in frame))
        if sequences:
            assert sequences == list(range(sequences[0], sequences[-1] + 1)), f"{connection} received {sequences}"


def watchers_are_up_to_date(world: World) -> None:
    """11: each watcher has received every change from its first to the latest."""
    for item in aws.items(ConnectionsTable):
        if item.live and item.sort in world.sockets.open:
            sequences = {frame["sequence"] for frame in world.sockets.sent[item.sort] if "sequence" in frame}
            head = connections.find_head(item.key.partition("#")[2])
            assert head is not None
            assert sequences == set(range(int(item.since) + 1, head.sequence + 1)), f"{item.sort} received {sequences}"


def calls_of_models_are_counted_once(world: World) -> None:
    """23: each completed chat task has a counted call, and no request of a model is counted twice."""
    used = total_usage(ledger.read_models(ORG, "2026-01-01", "2027-12-31"))
    completed = [each for each in world.tasks() if each.type == chat_tasks.TYPE and each.status is Status.COMPLETED]
    asked = sum(len(server.requests) for server in world.model_servers.values())
    assert len(completed) <= used.calls
    assert used.calls + used.failures <= asked


def no_answering_connection_is_replaced(world: World) -> None:
    """12: a worker's open connection is replaced by another only after it was silent for too long."""
    max_silence_ms = websocket_workers.PINGS_MISSED * workers.ping_interval_ms()
    for record in aws.stream_records(settings().workers_table):
        images = [record["dynamodb"].get(name) for name in ("OldImage", "NewImage")]
        if not all(image and worker_storage.is_worker(image) for image in images):
            continue
        old, new = (worker_storage.from_raw(image) for image in images)
        if new.connection not in (None, old.connection) and old.connection in world.sockets.closed:
            silence_ms = new.updated_at - old.last_heartbeat_at
            assert silence_ms > max_silence_ms, f"{new.id}: {old.connection} was cut off after {silence_ms} ms"


def the_feed_ends_with_the_current_states(world: World) -> None:
    """11: the latest update of each task that still exists has the task's current state."""
    latest: dict[str, tuple[int, str]] = {}
    for item in aws.items(ConnectionsTable):
        if item.entry is not None:
            version_and_status = (item.entry["version"], item.entry["status"])
            latest[item.entry["task_id"]] = max(
                version_and_status, latest.get(item.entry["task_id"], version_and_status)
            )
    now = {task.id: str(task.status) for task in world.tasks()}
    for task_id, (_version, status) in latest.items():
        assert now.get(task_id, status) == status, f"{task_id} is {now[task_id]}, and its latest update says {status}"


def each_task_is_completed_once(world: World) -> None:
    """2: each task is completed at most once."""
    completed = Counter(
        new.id
        for old, new in history(world)
        if new.status is Status.COMPLETED and not (old is not None and _is_edit(old, new))
    )
    assert all(count == 1 for count in completed.values()), f"completed more than once: {completed}"


ALWAYS = (
    every_task_has_a_wakeup,
    waiting_tasks_are_checked,
    slots_equal_leases,
    permits_equal_leases,
    unapproved_tasks_are_not_leased,
    steps_follow_each_other,
    attempts_stay_within_bounds,
    watchers_receive_changes_in_order,
)
AT_REST = (
    *ALWAYS,
    transitions_are_legal,
    each_task_is_completed_once,
    executions_end_as_their_steps_do,
    approved_content_is_published_once,
    studio_tasks_end_as_their_executions_do,
    the_log_equals_the_history,
    counters_equal_a_recount,
    gauges_equal_the_tasks,
    workers_counters_equal_a_recount,
    indexes_equal_the_tasks,
    watchers_are_up_to_date,
    the_feed_ends_with_the_current_states,
    no_answering_connection_is_replaced,
    calls_of_models_are_counted_once,
)

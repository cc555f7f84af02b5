"""Agents: what does the tasks of some pools, by name. Each task type that Yardmaster performs itself is an agent, and
so is each registered worker.

An agent can be stopped: it gets no new task, and what it does goes on. Every command has a receipt.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.statistics import counters
from chalicelib.domain.statistics.counters import Counts
from chalicelib.domain.tasks.rotation import Rotation, with_rotation
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.worker import Health, Worker
from chalicelib.domain.workflows.definitions import WORKFLOWS
from chalicelib.engine.documents import documents
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import builtin_worker, performers, registry
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.statistics import counters as counter_storage
from chalicelib.storage.tasks import tasks as task_storage
from chalicelib.storage.workers import pools as pool_storage

KIND = "agent-command"
RECEIPTS_KEPT_MS = 30 * clock.DAY
MAX_RECEIPTS = 10
PRIORITY = 5
MAX_NAMED, MAX_NAME_CHARS = 20, 60
"""Of an error: the parameters that it names, and the characters of each."""

STEP_LABELS = {step.type: step.name for workflow in WORKFLOWS for step in workflow.steps}

Status = Literal["active", "inactive", "error"]
Command = Literal["start", "stop", "restart", "execute"]


class Agent(NamedTuple):
    """One agent. `worker` is the built-in worker of its pool for a task type; None where nothing was performed yet."""

    name: str
    pool: str
    worker: Worker | None
    is_built_in: bool
    counts: Counts = Counts()

    @property
    def label(self) -> str:
        """The label of the tasks of its type, by which they are counted: of a step of a workflow, the step's name."""
        return STEP_LABELS.get(self.name, self.name)

    @property
    def stopped_at(self) -> int | None:
        """Since when the task type is stopped."""
        return builtin_worker.stopped_types(self.worker).get(self.name) if self.is_built_in else None

    def status(self, now: int) -> Status:
        """`error`: it reports that it is unhealthy, or rests because it could not work."""
        worker = self.worker
        if worker is None:
            return "active"
        if self.stopped_at is not None or not worker.is_online or worker.is_silent(now):
            return "inactive"
        has_failed = worker.health is Health.UNHEALTHY or worker.resting_until(now) is not None
        return "error" if has_failed else "active"

    def uptime_seconds(self, now: int) -> int:
        """Whole seconds since its latest start; 0 for one that is not in rotation, or has not worked yet."""
        worker = self.worker
        if worker is None or self.stopped_at is not None or worker.online_since is None:
            return 0
        started_at = builtin_worker.started_types(worker).get(self.name) if self.is_built_in else worker.restarted_at
        return max(0, now - max(worker.online_since, started_at or 0)) // clock.SECOND


class Receipt(NamedTuple):
    """A command as it was carried out. `task` is the one that an `execute` has submitted."""

    document: Document
    task: Task | None = None


def list_agents(org: str, pools: Sequence[str]) -> list[Agent]:
    """All agents of the pools: of each pool what Yardmaster performs, then its workers. One call for each pool, and one
    for the counts of what is performed."""
    agents = [agent for pool in pools for agent in _list_pool(org, pool)]
    rows = [(counters.lifetime_partition(org, agent.pool), counters.label_row(agent.label)) for agent in agents]
    counts = counter_storage.find_many(rows) if rows else {}
    return [
        agent._replace(counts=counts[row]) if agent.is_built_in else agent
        for agent, row in zip(agents, rows, strict=True)
    ]


def _list_pool(org: str, pool: str) -> list[Agent]:
    _, stored = pool_storage.find_with_workers(org, pool)
    workers = sorted((one for one in stored if not one.removed), key=lambda one: (one.registered_at, one.id))
    builtin = next((worker for worker in workers if worker.is_built_in), None)
    own = [worker for worker in workers if not worker.is_built_in]
    names = [*performers.task_types(pool), *(worker.name for worker in own)]
    return [
        *(Agent(name, pool, builtin, is_built_in=True) for name in performers.task_types(pool)),
        *(_registered(worker, is_unique=names.count(worker.name) == 1) for worker in own),
    ]


def _registered(worker: Worker, *, is_unique: bool) -> Agent:
    """A worker goes by its name, or by its id where others have the name."""
    counts = Counts({"completed": worker.completed, "failed": worker.failed, "active": len(worker.leases)})
    return Agent(worker.name if is_unique else worker.id, worker.pool, worker, is_built_in=False, counts=counts)


def get(org: str, name: str, pools: Sequence[str]) -> Agent:
    """The agent of this name. Costs as `list_agents`. Raises NotFound."""
    for agent in list_agents(org, pools):
        if agent.name == name:
            return agent
    raise NotFound("Agent", name)


def list_receipts(org: str, agent: Agent) -> list[Receipt]:
    """The latest MAX_RECEIPTS commands to an agent, newest first, with their tasks as they are now. Two calls."""
    stored = document_storage.find_page(org, KIND, agent.name, limit=MAX_RECEIPTS)
    ids = [task_id for document in stored if (task_id := document.body["task_id"]) is not None]
    tasks = task_storage.find_many(ids, whole=True) if ids else {}
    return [Receipt(document, tasks.get(document.body["task_id"])) for document in stored]


def send_command(org: str, agent: Agent, command: Command, parameters: Mapping[str, Any], by: str) -> Receipt:
    """Carry out a command and store its receipt for RECEIPTS_KEPT_MS. Three calls.

    The same command again has the same effect and a receipt of its own; each `execute` submits a task. Raises
    InvalidRequest for parameters that the command or the agent cannot work with, Conflict for an `execute` while it is
    stopped.
    """
    task = _execute(org, agent, parameters, by) if command == "execute" else None
    if command != "execute":
        _require_none(command, parameters)
        _rotate(org, agent, command)
    body = {"agent": agent.name, "command": command, "task_id": task.id if task is not None else None}
    expires_at_ms = clock.now() + RECEIPTS_KEPT_MS
    document = documents.new(org, KIND, body, parent=agent.name, by=by, expires_at_ms=expires_at_ms)
    return Receipt(documents.create(document), task)


def _require_none(command: Command, parameters: Mapping[str, Any]) -> None:
    if parameters:
        problem = f"is not a parameter of {command}, which has none"
        names = [f"parameters.{name[:MAX_NAME_CHARS]}" for name in list(parameters)[:MAX_NAMED]]
        raise InvalidRequest(f"{names[0]}: {problem}", fields=dict.fromkeys(names, problem))


def _rotate(org: str, agent: Agent, command: Command) -> None:
    if agent.is_built_in:
        is_stopped, is_restart = command == "stop", command == "restart"
        builtin_worker.set_stopped(org, agent.pool, agent.name, is_stopped=is_stopped, is_restart=is_restart)
    elif agent.worker is not None:
        registry.change(org, agent.pool, agent.worker.id, lambda worker: _rotated(worker, command))


def _rotated(worker: Worker, command: Command) -> Worker:
    """The worker out of rotation or back in it; restarted, it is also no longer suspected for its failures."""
    if command == "stop":
        return with_rotation(worker, Rotation.CLOSED, clock.now())
    opened = with_rotation(worker, Rotation.OPEN, clock.now())
    if command == "start":
        return opened
    return replace(opened, attempt_failures=0, rest_until=None, restarted_at=clock.now())


def _execute(org: str, agent: Agent, parameters: Mapping[str, Any], by: str) -> Task:
    if agent.status(clock.now()) == "inactive":
        raise Conflict(f"Agent {agent.name} is stopped: start it first")
    wanted = Submission(pool=agent.pool, type=agent.name, priority=PRIORITY, payload=dict(parameters))
    if agent.is_built_in:
        _require_valid(agent, parameters)
        wanted = wanted._replace(label=agent.label, capabilities=(agent.name,))
    elif agent.worker is not None:
        wanted = wanted._replace(wanted_worker=agent.worker.id)
    return submission.submit(org, by, wanted)


def _require_valid(agent: Agent, parameters: Mapping[str, Any]) -> None:
    problems = performers.find_problems(agent.pool, agent.name, parameters)
    if problems:
        fields = {f"parameters.{name}".rstrip("."): what for name, what in problems.items()}
        raise InvalidRequest("; ".join(f"{name} {what}" for name, what in fields.items()), fields=fields)

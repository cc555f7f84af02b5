"""Users of the projects API. They create, edit, take, move and delete tasks, assign some of them to agents, and delete
projects that have unfinished tasks. Webhooks receive every event."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from chalicelib import clock, ids
from chalicelib.domain.changes.effects import Topic
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Phase, Task
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.changes import run_all
from chalicelib.engine.live import task_feed
from chalicelib.engine.projects import agents, projects, task_edits
from chalicelib.engine.projects.members import Grantor, Member
from chalicelib.engine.projects.task_edit_rules import Edit, Outcome
from chalicelib.engine.projects.task_edits import Draft
from chalicelib.engine.webhooks import endpoints as webhooks
from chalicelib.engine.webhooks import webhook_sender
from chalicelib.engine.workers import registry
from chalicelib.errors import InvalidRequest
from chalicelib.providers.http import outbound
from chalicelib.storage.deliveries import deliveries
from chalicelib.storage.deliveries.deliveries import DeliveryItem
from tests.simulation.acting import Actor
from tests.support import aws
from tests.support.world import ORG, World, answer

POOL = "projects"
NAMES = ("ada", "eve")
TITLES = ("Implement login", "Fix the login page", "Write tests")
MOST_PROJECTS, MOST_AGENTS, MOST_TASKS = 3, 2, 12
TOPICS = {"all": [str(topic) for topic in Topic if topic is not Topic.WEBHOOK_TEST], "unreliable": ["task.completed"]}
"""Receiver -> the topics that it subscribes to. The unreliable one sometimes fails."""
FOUNDER: Member = {"role": "developer", "permissions": [], "since": 0}


class _SequentialExecutor:
    """A replacement for ThreadPoolExecutor, because no seed determines the order of threads."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def __enter__(self) -> "_SequentialExecutor":
        return self

    def __exit__(self, *_: object) -> None: ...
    def map(self, work: Callable[[Any], Any], *found: Any) -> list[Any]:
        return list(map(work, *found))


@contextmanager
def without_threads() -> Iterator[None]:
    """Run in sequence what the engine runs in threads."""
    with ExitStack() as stack:
        for module in (webhook_sender, task_feed, run_all):
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", _SequentialExecutor))
        yield


@dataclass
class People(Actor):
    """The ids of the projects, agents, tasks and webhooks that the users have created and not deleted."""

    projects: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(host, event id) -> how often it arrived."""

    def begin(self) -> None:
        """Create two webhooks, then the first project and agent."""
        for host, events in TOPICS.items():
            self.world.servers[f"{host}.example"] = self._receiver(host)
            fields = {"url": f"https://{host}.example/", "events": events, "active": True, "headers": {}}
            self.webhooks.append(webhooks.create(ORG, fields, "a-secret-of-the-tests", "ada").webhook.id)
        self.create_project()
        self.register_agent()

    def _receiver(self, host: str) -> Callable[..., outbound.Response]:
        def reply(_url: str, headers: dict[str, str], _body: bytes) -> outbound.Response:
            if host == "unreliable" and self.should_happen(0.3):
                return answer(500)
            self.received[host, headers["webhook-id"]] += 1
            return answer(200)

        return reply

    # users

    def create_project(self) -> None:
        if len(self.projects) < MOST_PROJECTS:
            created = self.attempt(lambda: projects.create(ORG, new_project(), {}, FOUNDER, Grantor("ada", [])))
            self.projects += [created.id] if created is not None else []

    def delete_project(self) -> None:
        """Delete a project, which may have unfinished tasks."""
        if self.projects:
            self._delete_one(self.projects, lambda name: projects.delete(ORG, name, "eve"))

    def create_task(self) -> None:
        if len(self.tasks) < MOST_TASKS:
            agent = self.random.choice([None, *self.agents])
            draft = Draft(self._task_fields(), "task", self.random.choice([2, 4, 6]), agent)
            created = self._attempt_valid(lambda: task_edits.create(ORG, POOL, "ada", draft))
            self.tasks += [created.id] if created is not None else []

    def edit_task(self) -> None:
        """Edit, move or assign a task, or do several of these at once."""
        changes: dict[str, Any] = {}
        if self.random.random() < 0.5:
            changes["fields"] = self._task_fields()
        if self.random.random() < 0.5:
            changes |= {"phase": self.random.choice([*Phase]), "outcome": Outcome(result={"by": "people"})}
        if self.random.random() < 0.3:
            changes |= {"is_assignment": True, "agent": self.random.choice([None, *self.agents])}
        self._change_task(Edit(**changes, priority=self.random.choice([None, 2, 6])))

    def _change_task(self, edit: Edit) -> None:
        who = self.random.choice(NAMES)
        self._on_a_task(lambda task_id: task_edits.change(ORG, POOL, task_id, edit, who, allow_anybody))

    def _task_fields(self) -> dict[str, Any]:
        tags = self.random.sample(["a", "b", "c"], self.random.randrange(3))
        due = clock.utc(self.world.clock.now() + self.random.randrange(-2, 20) * clock.MINUTE).isoformat()
        fields = {"title": self.random.choice(TITLES), "tags": tags, "dueDate": self.random.choice([None, due])}
        project = self.random.choice([None, *self.projects])
        return {name: value for name, value in (fields | {"projectId": project}).items() if value is not None}

    def delete_task(self) -> None:
        if self.tasks:
            self._delete_one(self.tasks, lambda name: task_edits.delete(ORG, POOL, name, "ada", allow_anybody))

    def _delete_one(self, names: list[str], work: Callable[[str], object]) -> None:
        """Run a deletion of one of the names. Remove the name when the deletion succeeds."""
        name = self.random.choice(names)
        if self.attempt(lambda: work(name) or True):
            names.remove(name)

    def _on_a_task(self, work: Callable[[str], object]) -> None:
        if self.tasks:
            name = self.random.choice(self.tasks)
            self._attempt_valid(lambda: work(name))

    def _attempt_valid(self, work: Callable[[], Any]) -> Any:
        """Run `work`, which may also be refused because it names something that was deleted meanwhile."""
        try:
            return self.attempt(work)
        except InvalidRequest:
            return None

    # agents

    def register_agent(self) -> None:
        if len(self.agents) < MOST_AGENTS:
            fields: dict[str, Any] = {"endpoints": {}, "api_key": None, "callback_path": None, "type": "coding"}
            fields |= {"pool": POOL, "id_prefix": "agent", "id": ids.ordered("agent"), "max_concurrent": 2}
            created = self.attempt(lambda: self.world.register(f"agent{len(self.agents)}", **fields))
            self.agents += [created.id] if created is not None else []

    def remove_agent(self) -> None:
        """Remove an agent, which may hold tasks."""
        if self.agents:
            self._delete_one(self.agents, lambda name: agents.remove_agent(ORG, POOL, name, "eve"))

    def heartbeat(self) -> None:
        for name in self.agents:
            if not self.should_happen(0.2):
                self.attempt(lambda agent=name: registry.record_heartbeat(ORG, POOL, agent, Heartbeat(Health.HEALTHY)))

    def report(self) -> None:
        """Every agent reports on each task that it holds."""
        for worker in self._agents():
            for task_id, epoch in worker.leases.items():
                failure = reported_failure("no", self.random.random() < 0.8)
                move = self.random.choice([None, Phase.HELD, Phase.COMPLETED, Phase.FAILED, Phase.PENDING])
                self._report(
                    worker, task_id, epoch, Edit(phase=move, progress=50, outcome=Outcome("done", None, failure))
                )

    def _report(self, worker: Worker, task_id: str, epoch: int, edit: Edit) -> None:
        self.attempt(lambda: task_edits.report(ORG, POOL, task_id, edit, Holder(worker.id, epoch), allow_anybody))

    def _agents(self) -> list[Worker]:
        return [worker for worker in self.world.workers() if worker.pool == POOL and not worker.removed]

    # the end

    def require_deliveries_arrived(self) -> None:
        """Check that the receiver that never fails has received each of its deliveries."""
        for one in map(deliveries.parse, aws.items(DeliveryItem)):
            if one.event is not None and one.receiver == self.webhooks[0]:
                assert self.received["all", one.event_id], f"{one.event_id} did not arrive"

    def finish(self) -> None:
        """Send the agents' heartbeats, and complete every unfinished task as a user."""
        self.heartbeat()
        completion = Edit(phase=Phase.COMPLETED, outcome=Outcome("done"))
        for task in managed_tasks(self.world):
            if not task.is_terminal:
                self.attempt(lambda name=task.id: task_edits.change(ORG, POOL, name, completion, "ada", allow_anybody))


def new_project() -> dict[str, Any]:
    """The fields of a project that sets only its name."""
    fields = {"name": "p", "description": "", "status": "active", "priority": "low", "agents": [], "tags": []}
    return fields | dict.fromkeys(("start_date", "end_date", "budget"))


def managed_tasks(world: World) -> list[Task]:
    """The tasks of the projects API."""
    return [task for task in world.tasks() if task.pool == POOL]


def allow_anybody(_: str | None) -> None:
    """Permit every caller."""

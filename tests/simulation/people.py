"""People of the projects API beside the agents: they create, say anew, take, move and delete tasks, some of them
given to agents; projects are deleted with tasks under way; and receivers of webhooks are told of everything."""

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
TOPICS = {"all": [str(topic) for topic in Topic if topic is not Topic.WEBHOOK_TEST], "moody": ["task.completed"]}
"""Receiver -> what it asks for; a moody one fails now and then."""
FOUNDER: Member = {"role": "developer", "permissions": [], "since": 0}


class _InTurn:
    """In place of threads, whose order no seed decides."""

    def __init__(self, *_: Any, **__: Any) -> None: ...
    def __enter__(self) -> "_InTurn":
        return self

    def __exit__(self, *_: object) -> None: ...
    def map(self, work: Callable[[Any], Any], *found: Any) -> list[Any]:
        return list(map(work, *found))


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """What the world does side by side, it does in turn."""
    with ExitStack() as stack:
        for module in (webhook_sender, task_feed, run_all):
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", _InTurn))
        yield


@dataclass
class People(Actor):
    """What they have made; of what is deleted nothing may be left."""

    projects: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    webhooks: list[str] = field(default_factory=list)
    received: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(host, event id) -> how often it arrived."""

    def begin(self) -> None:
        """Two receivers ask to be told, before anything happens; the first project and agent come."""
        for host, events in TOPICS.items():
            self.world.servers[f"{host}.example"] = self._receiver(host)
            said = {"url": f"https://{host}.example/", "events": events, "active": True, "headers": {}}
            self.webhooks.append(webhooks.create(ORG, said, "a-secret-of-the-tests", "ada").webhook.id)
        self.found()
        self.hire()

    def _receiver(self, host: str) -> Callable[..., outbound.Response]:
        def reply(_url: str, headers: dict[str, str], _body: bytes) -> outbound.Response:
            if host == "moody" and self.chance(0.3):
                return answer(500)
            self.received[host, headers["webhook-id"]] += 1
            return answer(200)

        return reply

    # people

    def found(self) -> None:
        """A project."""
        if len(self.projects) < MOST_PROJECTS:
            made = self.attempt(lambda: projects.create(ORG, new_project(), {}, FOUNDER, Grantor("ada", [])))
            self.projects += [made.id] if made is not None else []

    def close(self) -> None:
        """A project is deleted, with all that is under way in it."""
        if self.projects:
            self._one(self.projects, lambda name: projects.delete(ORG, name, "eve"))

    def create(self) -> None:
        if len(self.tasks) < MOST_TASKS:
            agent = self.random.choice([None, *self.agents])
            draft = Draft(self._sheet(), "task", self.random.choice([2, 4, 6]), agent)
            made = self._refusable(lambda: task_edits.create(ORG, POOL, "ada", draft))
            self.tasks += [made.id] if made is not None else []

    def edit(self) -> None:
        """One task is described anew, moved, assigned, or several of these at once."""
        changes: dict[str, Any] = {}
        if self.random.random() < 0.5:
            changes["fields"] = self._sheet()
        if self.random.random() < 0.5:
            changes |= {"phase": self.random.choice([*Phase]), "outcome": Outcome(result={"by": "people"})}
        if self.random.random() < 0.3:
            changes |= {"is_assignment": True, "agent": self.random.choice([None, *self.agents])}
        self._edited(Edit(**changes, priority=self.random.choice([None, 2, 6])))

    def _edited(self, edit: Edit) -> None:
        who = self.random.choice(NAMES)
        self._on_a_task(lambda task_id: task_edits.change(ORG, POOL, task_id, edit, who, anybody))

    def _sheet(self) -> dict[str, Any]:
        tags = self.random.sample(["a", "b", "c"], self.random.randrange(3))
        due = clock.utc(self.world.clock.now() + self.random.randrange(-2, 20) * clock.MINUTE).isoformat()
        sheet = {"title": self.random.choice(TITLES), "tags": tags, "dueDate": self.random.choice([None, due])}
        project = self.random.choice([None, *self.projects])
        return {name: value for name, value in (sheet | {"projectId": project}).items() if value is not None}

    def delete(self) -> None:
        if self.tasks:
            self._one(self.tasks, lambda name: task_edits.delete(ORG, POOL, name, "ada", anybody))

    def _one(self, known: list[str], work: Callable[[str], object]) -> None:
        """Do away with one; it is forgotten when that was acknowledged."""
        name = self.random.choice(known)
        if self.attempt(lambda: work(name) or True):
            known.remove(name)

    def _on_a_task(self, work: Callable[[str], object]) -> None:
        if self.tasks:
            name = self.random.choice(self.tasks)
            self._refusable(lambda: work(name))

    def _refusable(self, work: Callable[[], Any]) -> Any:
        """What is refused, too, where it names what is gone meanwhile."""
        try:
            return self.attempt(work)
        except InvalidRequest:
            return None

    # agents

    def hire(self) -> None:
        """An agent comes."""
        if len(self.agents) < MOST_AGENTS:
            said: dict[str, Any] = {"endpoints": {}, "api_key": None, "callback_path": None, "type": "coding"}
            said |= {"pool": POOL, "id_prefix": "agent", "id": ids.ordered("agent"), "max_concurrent": 2}
            made = self.attempt(lambda: self.world.register(f"agent{len(self.agents)}", **said))
            self.agents += [made.id] if made is not None else []

    def dismiss(self) -> None:
        """An agent goes, whatever was meant for it."""
        if self.agents:
            self._one(self.agents, lambda name: agents.remove_agent(ORG, POOL, name, "eve"))

    def heartbeat(self) -> None:
        for name in self.agents:
            if not self.chance(0.2):
                self.attempt(lambda agent=name: registry.record_heartbeat(ORG, POOL, agent, Heartbeat(Health.HEALTHY)))

    def work(self) -> None:
        """An agent reports on something that it holds."""
        for worker in self._crew():
            for task_id, epoch in worker.leases.items():
                failure = reported_failure("no", self.random.random() < 0.8)
                move = self.random.choice([None, Phase.HELD, Phase.COMPLETED, Phase.FAILED, Phase.PENDING])
                self._report(
                    worker, task_id, epoch, Edit(phase=move, progress=50, outcome=Outcome("done", None, failure))
                )

    def _report(self, worker: Worker, task_id: str, epoch: int, edit: Edit) -> None:
        self.attempt(lambda: task_edits.report(ORG, POOL, task_id, edit, Holder(worker.id, epoch), anybody))

    def _crew(self) -> list[Worker]:
        return [worker for worker in self.world.workers() if worker.pool == POOL and not worker.removed]

    # the end

    def everything_arrived(self) -> None:
        """What was delivered to the receiver that never fails, it has got."""
        for one in map(deliveries.parse, aws.items(DeliveryItem)):
            if one.event is not None and one.receiver == self.webhooks[0]:
                assert self.received["all", one.event_id], f"{one.event_id} did not arrive"

    def finish(self) -> None:
        """Agents are there, and all that has not ended is completed by hand."""
        self.heartbeat()
        done = Edit(phase=Phase.COMPLETED, outcome=Outcome("done"))
        for task in managed(self.world):
            if not task.is_terminal:
                self.attempt(lambda name=task.id: task_edits.change(ORG, POOL, name, done, "ada", anybody))


def new_project() -> dict[str, Any]:
    """What a project without particulars says."""
    said = {"name": "p", "description": "", "status": "active", "priority": "low", "agents": [], "tags": []}
    return said | dict.fromkeys(("start_date", "end_date", "budget"))


def managed(world: World) -> list[Task]:
    """The tasks that people manage."""
    return [task for task in world.tasks() if task.pool == POOL]


def anybody(_: str | None) -> None:
    """Whoever it is may."""

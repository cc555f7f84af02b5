"""Workers that fetch their tasks, owners who choose the worker themselves, and tasks that the world performs."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib import ids
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.tasks import assignment, lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import completion_reports, registry
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from tests.simulation import performer
from tests.simulation.acting import Actor
from tests.support.world import ORG, POOL

MOST = 2


@dataclass
class Owners(Actor):
    """Their workers, the tasks that wait for their word, and those that the world performs."""

    pullers: list[str] = field(default_factory=list)
    manual: list[str] = field(default_factory=list)
    performed: list[str] = field(default_factory=list)
    assigned: set[tuple[str, int]] = field(default_factory=set)  # (task id, epoch)

    def register(self) -> None:
        if len(self.pullers) >= MOST:
            return
        room = self.random.randrange(1, 3)
        made = self.attempt(
            lambda: self.world.register(
                f"puller{len(self.pullers)}", id=ids.uuid(), endpoints={}, api_key=None, max_concurrent=room
            )
        )
        if made is not None:
            self.pullers.append(made.id)

    def submit(self) -> None:
        """A task that waits until its owner names a worker."""
        task = self.attempt(lambda: self.world.submit(manual=True, priority=self.random.randrange(10)))
        if task is not None:
            self.manual.append(task.id)

    def assign(self) -> None:
        """An owner names a worker: of any kind, for any task, also for one that the dispatcher may lease just now."""
        waiting = [task.id for task in self.world.tasks() if task.pool == POOL and task.status is Status.PENDING]
        crew = [worker.id for worker in self.world.workers() if worker.pool == POOL]
        if waiting and crew:
            task_id, worker_id = self.random.choice(sorted(waiting)), self.random.choice(sorted(crew))
            self._assign(task_id, worker_id)

    def _assign(self, task_id: str, worker_id: str) -> None:
        held = self.attempt(lambda: assignment.assign(ORG, POOL, task_id, worker_id))
        if held is not None:
            self.assigned.add((held.id, held.epoch))

    def look(self) -> None:
        """A fetching worker looks at what it holds, and starts, ends or reports one."""
        worker = self._any()
        if worker is None:
            return
        if not worker.leases:
            self._claim(worker)
            return
        task_id, epoch = self.random.choice(sorted(worker.leases.items()))
        holder = Holder(worker.id, epoch)
        done: list[Callable[[], Any]] = [
            lambda: assignment.start(ORG, POOL, task_id),
            lambda: lifecycle.complete(ORG, POOL, task_id, holder, {"done": task_id}),
            lambda: lifecycle.complete(ORG, POOL, task_id, None, {"done": task_id}),
            lambda: lifecycle.fail(ORG, task_id, holder, reported_failure("no", self.random.random() < 0.8)),
            lambda: completion_reports.report_outcome(
                ORG, POOL, worker.id, self.random.choice(["completed", "failed"])
            ),
        ]
        work = self.random.choice(done)
        for _ in range(2 if self.chance(0.2) else 1):
            self.attempt(work)

    def _claim(self, worker: Worker) -> None:
        self.attempt(
            lambda: completion_reports.report_outcome(ORG, POOL, worker.id, self.random.choice(["completed", "failed"]))
        )

    def _any(self) -> Worker | None:
        found = [worker for worker in self.world.workers() if worker.id in self.pullers and not worker.removed]
        return self.random.choice(sorted(found, key=lambda worker: worker.id)) if found else None

    def heartbeat(self) -> None:
        for worker_id in self.pullers:
            if not self.chance(0.2):
                self.attempt(
                    lambda name=worker_id: registry.record_heartbeat(ORG, POOL, name, Heartbeat(Health.HEALTHY))
                )

    def turn(self) -> None:
        """A worker of any kind is drained, closed, or opened again by hand."""
        crew = [worker.id for worker in self.world.workers() if worker.pool == POOL]
        if crew:
            name, rotation = self.random.choice(sorted(crew)), self.random.choice([*Rotation, Rotation.OPEN])
            self.attempt(lambda: registry.update(ORG, POOL, name, WorkerChange(rotation=rotation)))

    def unregister(self) -> None:
        if self.pullers:
            name = self.random.choice(self.pullers)
            if self.attempt(lambda: registry.unregister(ORG, POOL, name) or True):
                self.pullers.remove(name)

    def perform(self) -> None:
        """A task for the world itself."""
        ends = self.random.choice(["well", "well", "badly"])
        asked = Submission(performer.POOL, "toy", 5, payload={"ends": ends}, capabilities=("toy",))
        task = self.attempt(lambda: submission.submit(ORG, "dev", asked))
        if task is not None:
            self.performed.append(task.id)

    def finish(self, last: str) -> None:
        """The run is over: all is open, what waits for its owner goes to the last worker, what is held is ended."""
        self.heartbeat()
        for worker in self.world.workers():
            if worker.pool == POOL:
                self._finish(worker)
        for task in self.world.tasks():
            if task.manual and task.status is Status.PENDING:
                self._assign(task.id, last)

    def _finish(self, worker: Worker) -> None:
        if worker.maintenance:
            self.attempt(lambda: registry.update(ORG, POOL, worker.id, WorkerChange(rotation=Rotation.OPEN)))
        for task_id, epoch in worker.leases.items() if worker.id in self.pullers else ():
            holder = Holder(worker.id, epoch)
            self.attempt(lambda t=task_id, h=holder: lifecycle.complete(ORG, POOL, t, h, {"done": t}))

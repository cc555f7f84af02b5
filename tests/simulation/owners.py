"""Workers that fetch their tasks, callers who assign tasks to workers, and tasks of built-in performers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib import ids
from chalicelib.domain.tasks.reported_failure import reported_failure
from chalicelib.domain.tasks.task import Holder, Status
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.engine.tasks import approvals, assignment, lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.engine.workers import completion_reports, registry
from chalicelib.engine.workers.registry import Rotation, WorkerChange
from chalicelib.engine.workflows import executions
from tests.simulation import performer
from tests.simulation.acting import Actor
from tests.support.world import ORG, POOL

MOST = 2


@dataclass
class Owners(Actor):
    """The fetching workers (`pullers`), the tasks that wait for an assignment, and the tasks of built-in performers."""

    pullers: list[str] = field(default_factory=list)
    manual: list[str] = field(default_factory=list)
    performed: list[str] = field(default_factory=list)
    executions: list[str] = field(default_factory=list)
    assigned: set[tuple[str, int]] = field(default_factory=set)  # (task id, epoch)

    def register(self) -> None:
        if len(self.pullers) >= MOST:
            return
        slots = self.random.randrange(1, 3)
        worker = self.attempt(
            lambda: self.world.register(
                f"puller{len(self.pullers)}", id=ids.uuid(), endpoints={}, api_key=None, max_concurrent=slots
            )
        )
        if worker is not None:
            self.pullers.append(worker.id)

    def submit(self) -> None:
        """Submit a task that waits until a caller assigns it to a worker."""
        task = self.attempt(lambda: self.world.submit(manual=True, priority=self.random.randrange(10)))
        if task is not None:
            self.manual.append(task.id)

    def submit_for_approval(self) -> None:
        """A task that a person must approve before any worker may have it."""
        self.attempt(lambda: self.world.submit(approval_seconds=self.random.randrange(60, 3600)))

    def decide(self) -> None:
        """A person decides on any task, perhaps twice, and perhaps on one that needs no approval any more."""
        gated = sorted(task.id for task in self.world.tasks() if task.approval is not None)
        if gated:
            task_id = self.random.choice(gated)
            decision = self.random.choice([approvals.approve, approvals.approve, approvals.reject])
            for _ in range(2 if self.should_happen(0.2) else 1):
                self.attempt(lambda: decision(ORG, task_id, "ann"))

    def assign(self) -> None:
        """Assign any pending task to any worker, also while the dispatcher may lease the task."""
        waiting = [task.id for task in self.world.tasks() if task.pool == POOL and task.status is Status.PENDING]
        worker_ids = [worker.id for worker in self.world.workers() if worker.pool == POOL]
        if waiting and worker_ids:
            task_id, worker_id = self.random.choice(sorted(waiting)), self.random.choice(sorted(worker_ids))
            self._assign(task_id, worker_id)

    def _assign(self, task_id: str, worker_id: str) -> None:
        leased = self.attempt(lambda: assignment.assign(ORG, POOL, task_id, worker_id))
        if leased is not None:
            self.assigned.add((leased.id, leased.epoch))

    def report(self) -> None:
        """A fetching worker starts, ends or reports one of the tasks that it holds."""
        worker = self._choose_puller()
        if worker is None:
            return
        if not worker.leases:
            self._claim(worker)
            return
        task_id, epoch = self.random.choice(sorted(worker.leases.items()))
        holder = Holder(worker.id, epoch)
        actions: list[Callable[[], Any]] = [
            lambda: assignment.start(ORG, POOL, task_id),
            lambda: lifecycle.complete(ORG, POOL, task_id, holder, {"done": task_id}),
            lambda: lifecycle.complete(ORG, POOL, task_id, None, {"done": task_id}),
            lambda: lifecycle.fail(ORG, task_id, holder, reported_failure("no", self.random.random() < 0.8)),
            lambda: completion_reports.report_outcome(
                ORG, POOL, worker.id, self.random.choice(["completed", "failed"])
            ),
        ]
        work = self.random.choice(actions)
        for _ in range(2 if self.should_happen(0.2) else 1):
            self.attempt(work)

    def _claim(self, worker: Worker) -> None:
        self.attempt(
            lambda: completion_reports.report_outcome(ORG, POOL, worker.id, self.random.choice(["completed", "failed"]))
        )

    def _choose_puller(self) -> Worker | None:
        pullers = [worker for worker in self.world.workers() if worker.id in self.pullers and not worker.removed]
        return self.random.choice(sorted(pullers, key=lambda worker: worker.id)) if pullers else None

    def heartbeat(self) -> None:
        for worker_id in self.pullers:
            if not self.should_happen(0.2):
                self.attempt(
                    lambda name=worker_id: registry.record_heartbeat(ORG, POOL, name, Heartbeat(Health.HEALTHY))
                )

    def rotate(self) -> None:
        """Drain, cordon or open a worker of any kind."""
        worker_ids = [worker.id for worker in self.world.workers() if worker.pool == POOL]
        if worker_ids:
            name, rotation = self.random.choice(sorted(worker_ids)), self.random.choice([*Rotation, Rotation.OPEN])
            self.attempt(lambda: registry.update(ORG, POOL, name, WorkerChange(rotation=rotation)))

    def unregister(self) -> None:
        if self.pullers:
            name = self.random.choice(self.pullers)
            if self.attempt(lambda: registry.unregister(ORG, POOL, name) or True):
                self.pullers.remove(name)

    def submit_builtin(self) -> None:
        """Submit a task for a built-in performer."""
        ends = self.random.choice(["well", "well", "badly"])
        submitted = Submission(performer.POOL, "toy", 5, payload={"ends": ends}, capabilities=("toy",))
        task = self.attempt(lambda: submission.submit(ORG, "dev", submitted))
        if task is not None:
            self.performed.append(task.id)

    def start_workflow(self) -> None:
        """Start a workflow whose steps built-in performers run."""
        ends = self.random.choice(["well", "well", "badly"])
        execution = self.attempt(
            lambda: executions.start(ORG, "dev", performer.POOL, performer.WORKFLOW, {"ends": ends})
        )
        if execution is not None:
            self.executions.append(execution.id)

    def cancel_or_replay(self) -> None:
        """Cancel or replay an execution or one of its steps."""
        if self.executions:
            execution_id = self.random.choice(self.executions)
            steps = [task.id for task in self.world.tasks() if task.parent == execution_id]
            act = self.random.choice([lifecycle.cancel, lifecycle.replay, lifecycle.replay])
            self.attempt(lambda: act(ORG, self.random.choice([execution_id, *sorted(steps)])))

    def finish(self, last: str) -> None:
        """Approve all tasks, open all workers, complete the tasks that pullers hold, and assign waiting tasks to the
        last worker."""
        for task in self.world.tasks():
            if task.awaits_approval:
                self.attempt(lambda t=task.id: approvals.approve(ORG, t, "ann"))
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

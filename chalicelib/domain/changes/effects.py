"""What can follow from a change, as values: log entries, messages to workers and people, handovers, wakeups.

domain.changes.derive says what follows from which change. The relay carries the effects out, perhaps twice. Handovers,
worker messages, updates, announcements and wakeups travel as queue messages: their field names are the messages' keys.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.tasks.task import Needs, Phase, Status
from chalicelib.domain.tasks.worker import BUILT_IN


class EventKind(StrEnum):
    """The kinds of entries in the event log."""

    SUBMITTED = "submitted"
    LEASED = "leased"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    RETRIED = "retried"
    RELEASED = "released"
    REPLAYED = "replayed"
    TAKEN = "taken"
    EDITED = "edited"
    OVERDUE = "overdue"
    APPROVED = "approved"
    SWEPT = "swept"
    CLAIMED = "claimed"
    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the event log. `subject` and `version` name it: a redelivered change gives the same entry."""

    org: str
    pool: str
    kind: EventKind
    subject: str  # task id or worker id
    version: int
    at: int
    worker_id: str | None = None  # who held the task up to this change, or took it, or changed
    attempt: int | None = None
    label: str | None = None
    left: Phase | None = None  # the phase that the task was in before
    running: bool = False  # the change ended an attempt that had begun
    attempt_failed: bool = False  # the change ended an attempt, which is counted, without a result
    waited_ms: int | None = None  # of a lease: since the task became ready
    took_ms: int | None = None  # of an ended attempt: since the lease
    whole_ms: int | None = None  # of an ended task: since its submission
    reason: str | None = None  # of an attempt that ended badly, or of a task that failed: the code of its error
    awaiting: int = 0  # by how much it raises the number of tasks that wait for a person's approval: 1, 0 or -1
    quality: int | None = None  # of a completed task: its quality score in thousandths
    since: int | None = None  # of OFFLINE: online since then
    completed: int = 0  # of CLAIMED: what the worker says it has done besides its tasks here
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRequest:
    """A request to dispatch this pool: a task became ready, which it names with its lane, or a slot became free."""

    org: str
    pool: str
    task_id: str | None = None
    lane: str | None = None
    needs: Needs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """A leased task to be handed over to the worker that holds it under this epoch."""

    task_id: str
    epoch: int
    org: str
    pool: str
    worker_id: str
    performed_type: str | None = None
    """The task's type, where Yardmaster performs the task itself: it decides which function does."""

    @property
    def built_in(self) -> bool:
        """Whether Yardmaster performs the task itself."""
        return self.worker_id == BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerMessage:
    """A request to send a worker its commands over its WebSocket, and with `greeting`, as it connected, its tasks."""

    org: str
    pool: str
    worker_id: str
    greeting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskUpdate:
    """A change of a task, for the clients that watch the org's tasks."""

    org: str
    pool: str
    task_id: str
    version: int
    at: int
    type: str
    status: Status
    priority: int
    attempt: int
    progress: float | None = None
    worker_id: str | None = None
    label: str | None = None
    error: str | None = None


class Topic(StrEnum):
    """The topics of announcements."""

    TASK_CREATED = "task.created"
    TASK_UPDATED = "task.updated"
    TASK_ASSIGNED = "task.assigned"
    TASK_COMPLETED = "task.completed"
    TASK_FAILED = "task.failed"
    TASK_OVERDUE = "task.overdue"
    TASK_DELETED = "task.deleted"
    AGENT_CREATED = "agent.created"
    AGENT_STATUS_CHANGED = "agent.status_changed"
    AGENT_UPDATED = "agent.updated"
    AGENT_DELETED = "agent.deleted"
    PROJECT_CREATED = "project.created"
    PROJECT_UPDATED = "project.updated"
    PROJECT_COMPLETED = "project.completed"
    PROJECT_DELETED = "project.deleted"
    USER_REGISTERED = "user.registered"
    MEMBER_ADDED = "project.member_added"
    COMMENT_ADDED = "comment.added"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_TEST = "webhook.test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """Something that happened, for webhooks, notifications and the live feed. `subject` and `version` name it: a
    redelivered change gives the same announcement."""

    org: str
    pool: str
    topic: Topic
    subject: str  # id of the task, agent, project, user, comment or webhook
    version: int
    at: int
    actor: str | None = None  # who did it, when it was a caller
    was: str | None = None  # its state before the change, and after it, where they differ
    now: str | None = None
    within: str | None = None  # the id of what the subject belongs to: a comment's task


class WakeupKind(StrEnum):
    """The kinds of items that can be due. The values are in queue messages."""

    TASK = "task"
    WORKER = "worker"
    DELIVERY = "delivery"
    JOB = "chore"  # a background job


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakeup:
    """Something is due on this item at `at`, in epoch milliseconds; the sweep would find it too, only later."""

    kind: WakeupKind
    org: str
    pool: str  # of a delivery: the id of its receiver
    id: str
    at: int

    @property
    def key(self) -> tuple[str, str, str]:
        """What the item is found by: its org, its pool or receiver, and its id."""
        return self.org, self.pool, self.id


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that follows from one change."""

    events: tuple[Event, ...] = ()
    dispatch_requests: tuple[DispatchRequest, ...] = ()
    handovers: tuple[Handover, ...] = ()
    worker_messages: tuple[WorkerMessage, ...] = ()
    task_updates: tuple[TaskUpdate, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    wakeups: tuple[Wakeup, ...] = ()


NO_EFFECTS = Effects()

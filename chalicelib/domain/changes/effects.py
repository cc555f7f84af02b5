"""What can follow from a change, as values: what to write down, whom to tell, what to hand over.

domain.changes says what follows from which change; the relay carries it out, perhaps twice.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.domain.tasks.task import Needs, Phase, Status
from chalicelib.domain.tasks.worker import BUILT_IN


class Kind(StrEnum):
    """The kinds of entry in the event log."""

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
    SWEPT = "swept"
    CLAIMED = "claimed"
    ONLINE = "online"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One entry of the log. `subject` and `version` name it: a redelivered change gives the same entry."""

    org: str
    pool: str
    kind: Kind
    subject: str  # task id or worker id
    version: int
    at: int
    worker_id: str | None = None  # who held the task up to this change, or took it, or changed
    attempt: int | None = None
    label: str | None = None
    left: Phase | None = None  # the phase that the task was in before
    running: bool = False  # the change ended work that had begun
    burned: bool = False  # the change ended an attempt badly
    waited_ms: int | None = None  # of a lease: since the task became ready
    took_ms: int | None = None  # of an ended attempt: since the lease
    whole_ms: int | None = None  # of an ended task: since its submission
    reason: str | None = None  # of an attempt that ended badly, or of a task that failed: the code of its error
    quality: int | None = None  # of a completed task: what was noted of its quality, in thousandths
    since: int | None = None  # of OFFLINE: online since then
    completed: int = 0  # of CLAIMED: what the worker says it has done besides its tasks
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """Look at this pool: a task became ready (then it is named, with its lane), or a slot came free."""

    org: str
    pool: str
    task_id: str | None = None
    lane: str | None = None
    needs: Needs | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Hand this task over to the worker that holds it under this epoch."""

    task_id: str
    epoch: int
    org: str
    pool: str
    worker_id: str

    @property
    def built_in(self) -> bool:
        """Whether the house performs the task itself."""
        return self.worker_id == BUILT_IN


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Tell a worker over its WebSocket what it must know: commands; when it has just come, also the tasks it holds."""

    org: str
    pool: str
    worker_id: str
    greeting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A change of a task that whoever watches the org's tasks is to see."""

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
    """What can be announced to whoever asked to be told."""

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
    """Something that happened, for those who asked to be told: webhooks, notifications, the live feed. `subject` and
    `version` name it: a redelivered change announces the same."""

    org: str
    pool: str
    topic: Topic
    subject: str  # id of the task, agent, project, user, comment or webhook
    version: int
    at: int
    actor: str | None = None  # who did it, when it was a caller
    was: str | None = None  # a word for its state before, and after, where the state has changed
    now: str | None = None
    within: str | None = None  # what the subject belongs to: a comment's task


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakeup:
    """Something is due on this item at `at`; the sweep would find it too, only later."""

    kind: str  # "task", "worker" or "chore"
    org: str
    pool: str
    id: str
    at: int


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that follows from one change."""

    events: tuple[Event, ...] = ()
    nudges: tuple[Nudge, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    calls: tuple[Call, ...] = ()
    updates: tuple[Update, ...] = ()
    announcements: tuple[Announcement, ...] = ()
    wakeups: tuple[Wakeup, ...] = ()


NOTHING = Effects()

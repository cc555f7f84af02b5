"""Why a lease was given back without counting an attempt."""

from enum import StrEnum


class ReleaseReason(StrEnum):
    """Stored with the task until its next lease, and written to the log."""

    GIVEN_BACK = "given_back"
    """Its holder, a worker or a person, gave it back."""
    REASSIGNED = "reassigned"
    """Its owner gave the task to another agent or to nobody."""
    PERSON_LEFT = "person_left"
    """The account of the person who worked on it was deleted."""
    WORKER_BUSY = "worker_busy"
    """The worker had no room: it answered 429, 503, or 413 with a Retry-After."""
    UNREACHED = "unreached"
    """The hand-over certainly did not arrive at the worker."""
    NOT_CONNECTED = "not_connected"
    """The worker's WebSocket was gone."""
    NOT_DELIVERED = "not_delivered"
    """The hand-over was not made in time, in case its message was lost."""
    TOO_MANY_TRIALS = "too_many_trials"
    """The org had as many hand-overs to unproven workers under way as it may have."""
    WORKER_DRAINED = "worker_drained"
    """The worker is drained."""
    WORKER_REMOVED = "worker_removed"
    """The worker is removed."""

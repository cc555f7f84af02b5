"""Why a lease was given back without counting an attempt."""

from enum import StrEnum


class ReleaseReason(StrEnum):
    """Why a lease was given back. Stored with the task until its next lease, and logged."""

    GIVEN_BACK = "given_back"
    """Its holder, a worker or a person, gave it back."""
    REASSIGNED = "reassigned"
    """Its owner assigned the task to another agent, or to none."""
    PERSON_LEFT = "person_left"
    """The account of the person who worked on it was deleted."""
    WORKER_BUSY = "worker_busy"
    """The worker was busy: it answered 429, 503, or 413 with a Retry-After."""
    UNREACHED = "unreached"
    """The handover certainly did not arrive at the worker."""
    NOT_CONNECTED = "not_connected"
    """The worker's WebSocket was closed."""
    NOT_DELIVERED = "not_delivered"
    """The handover was not made in time: its message may be lost."""
    TOO_MANY_TRIALS = "too_many_trials"
    """The org had as many handovers to unproven workers running as it may have."""
    WORKER_DRAINED = "worker_drained"
    """The worker is drained."""
    WORKER_REMOVED = "worker_removed"
    """The worker is removed."""

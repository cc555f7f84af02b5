"""What can go wrong, as one tree.

    YardmasterError
    ├── InvalidRequest          400  the request cannot be understood or breaks a rule of its schema; where the document
    │                                tells the two apart, one that names fields is a 422
    ├── Unauthenticated         401  no credential, or one that is not valid
    ├── Forbidden               403  a valid credential without the right to do this
    ├── NotFound                404  no such thing, or it is another tenant's
    ├── MethodNotAllowed        405  the path exists, the method does not
    ├── Conflict                409  the thing is not in a state that allows this
    │   ├── LeaseLost           409  the caller no longer holds the task: an older epoch, or another holder
    │   ├── WorkerOffline       409  the worker is offline, or out of rotation
    │   └── IdempotencyMismatch 409  the Idempotency-Key was used before with another body
    ├── TooLarge                413  the body, or the answer, exceeds the limit, which is named
    ├── UnsupportedMediaType    415  the body is not of a type that is read here
    ├── TooManyRequests         429  the rate limit is used up; `retry_after` says for how long
    ├── Unavailable             503  a service underneath does not answer or throttles; trying again is right
    │   ├── QueueFull           503  as many tasks wait as the deployment allows
    │   └── NotConfigured       503  a setting is missing; the message names it
    └── TimedOut                504  a service underneath did not answer in the time that a request has

Each class carries the HTTP `status`, a stable machine-readable `code`, and instances carry a `message` for
people, which says what was wrong, where, and what would be right. The edge turns them into the documented shape
of each API; nothing else builds an error answer.
"""

from typing import Any, ClassVar


class YardmasterError(Exception):
    """The root: an error whose message may be shown to the caller."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, fields: dict[str, str] | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields or {}
        """Field path -> what is wrong with it, for errors that are about fields."""
        self.facts = facts
        """Further machine-readable facts, such as the current epoch."""


class InvalidRequest(YardmasterError):
    """The request cannot be understood, or breaks a rule of its schema."""

    status = 400
    code = "invalid_request"


class Unauthenticated(YardmasterError):
    """The request has no valid credential."""

    status = 401
    code = "unauthenticated"


class Forbidden(YardmasterError):
    """The caller has no right to do this."""

    status = 403
    code = "forbidden"


class NotFound(YardmasterError):
    """`NotFound("Task", task_id)` reads "Task not found: <id>"."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"{kind} not found: {identifier}")
        self.kind = kind
        """The kind of what does not exist: Task, Worker, Path, ..."""


class MethodNotAllowed(YardmasterError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class Conflict(YardmasterError):
    """The state of the thing does not allow this."""

    status = 409
    code = "conflict"


class LeaseLost(Conflict):
    """The caller no longer holds the task: it has another epoch or another holder."""

    code = "lease_lost"


class WorkerOffline(Conflict):
    """The worker is offline or out of rotation."""

    code = "worker_offline"


class IdempotencyMismatch(Conflict):
    """The Idempotency-Key was used before with another body."""

    code = "idempotency_mismatch"


class TooLarge(YardmasterError):
    """The body exceeds the limit, which the message names."""

    status = 413
    code = "too_large"


class UnsupportedMediaType(YardmasterError):
    """The body has a type that this endpoint does not read."""

    status = 415
    code = "unsupported_media_type"


class TooManyRequests(YardmasterError):
    """The rate limit is used up."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after
        """Whole seconds until the next request can be admitted."""


class Unavailable(YardmasterError):
    """A service below does not answer or throttles; trying again is right."""

    status = 503
    code = "unavailable"

    def __init__(
        self, message: str, *, retry_after: int | None = None, fields: dict[str, str] | None = None, **facts: Any
    ) -> None:
        super().__init__(message, fields=fields, **facts)
        self.retry_after = retry_after
        """Whole seconds after which another try is worth it, where that is known."""


class QueueFull(Unavailable):
    """As many tasks wait as the deployment allows."""

    code = "queue_full"


class NotConfigured(Unavailable):
    """A setting is missing; the message names it."""

    code = "not_configured"


class TimedOut(YardmasterError):
    """A service below did not answer in the time that a request has."""

    status = 504
    code = "timed_out"

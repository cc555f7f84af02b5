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
    │   ├── WorkerOffline       409  the worker is not there, or out of rotation
    │   └── IdempotencyMismatch 409  the Idempotency-Key was used before with another body
    ├── TooLarge                413  the body exceeds the limit, which is named
    ├── UnsupportedMediaType    415  the body is not of a type that is read here
    ├── TooManyRequests         429  the rate limit is used up; `retry_after` says for how long
    └── Unavailable             503  a service underneath does not answer or throttles; trying again is right
        ├── QueueFull           503  as many tasks wait as may
        └── NotConfigured       503  what it takes has not been set up; the message names what to set

Each class carries the HTTP `status`, a stable machine-readable `code`, and instances carry a `message` for
people, which says what was wrong, where, and what would be right. The edge turns them into the documented shape
of each API; nothing else builds an error reply.
"""

from typing import Any, ClassVar


class YardmasterError(Exception):
    """The root: an error that a caller may be told about."""

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
    status = 400
    code = "invalid_request"


class Unauthenticated(YardmasterError):
    status = 401
    code = "unauthenticated"


class Forbidden(YardmasterError):
    status = 403
    code = "forbidden"


class NotFound(YardmasterError):
    """`NotFound("Task", task_id)` reads "Task not found: <id>"."""

    status = 404
    code = "not_found"

    def __init__(self, kind: str, identifier: str) -> None:
        super().__init__(f"{kind} not found: {identifier}")
        self.kind = kind
        """What was looked for: Task, Worker, Path, ..."""


class MethodNotAllowed(YardmasterError):
    status = 405
    code = "method_not_allowed"


class Conflict(YardmasterError):
    status = 409
    code = "conflict"


class LeaseLost(Conflict):
    code = "lease_lost"


class WorkerOffline(Conflict):
    code = "worker_offline"


class IdempotencyMismatch(Conflict):
    code = "idempotency_mismatch"


class TooLarge(YardmasterError):
    status = 413
    code = "too_large"


class UnsupportedMediaType(YardmasterError):
    status = 415
    code = "unsupported_media_type"


class TooManyRequests(YardmasterError):
    status = 429
    code = "too_many_requests"

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, retry_after=retry_after)
        self.retry_after = retry_after
        """Whole seconds until the next request can be admitted."""


class Unavailable(YardmasterError):
    status = 503
    code = "unavailable"


class QueueFull(Unavailable):
    code = "queue_full"


class NotConfigured(Unavailable):
    code = "not_configured"

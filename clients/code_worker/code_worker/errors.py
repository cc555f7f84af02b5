"""The worker's errors."""


class Misconfigured(Exception):
    """A setting is missing or wrong. The text names the setting and a correct value, and never shows a key."""


class TaskFailed(Exception):
    """The attempt failed, or its time was over (`timed_out`). `retryable` false ends the task; `retry_after` is in
    seconds."""

    def __init__(
        self, message: str, *, retryable: bool = True, retry_after: float | None = None, timed_out: bool = False
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.timed_out = timed_out

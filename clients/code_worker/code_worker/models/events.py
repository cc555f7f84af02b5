"""The events of a model's answer, and its errors."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Delta:
    """A piece of the answer's text."""

    text: str


@dataclass(frozen=True)
class Done:
    """The end of the answer. `is_cut`: the model stopped at its limit of tokens."""

    is_cut: bool
    tokens_in: int
    tokens_out: int


class ModelError(Exception):
    """The model gave no complete answer. The text contains no secrets.

    `retryable`: the same request can succeed later. `retry_after`: seconds for which the provider wants no request.
    """

    def __init__(self, message: str, *, retryable: bool = True, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after


class StoppedMidway(ModelError):
    """The answer's connection ended before the answer was complete."""

    def __init__(self) -> None:
        super().__init__("The model stopped in the middle of its answer")

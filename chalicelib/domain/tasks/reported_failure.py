"""What a worker says of its own failure, made fit to be kept."""

import json
from typing import Any

from chalicelib.domain.tasks.transitions import Failure, Reason

MAX_MESSAGE_CHARS = 4_000
MAX_DETAILS_CHARS = 16_000
"""Characters kept of a worker's own words, and of its details as JSON: an item holds only so much."""


def reported_failure(error: Any, retryable: Any = None, retry_after_seconds: Any = None) -> Failure:
    """A failure in the worker's own words; retryable unless it says false, no sooner than the seconds it names.

    A message that is too long is cut; details that are too large are left out.
    """
    message = error if isinstance(error, str) else None
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        message = error["message"]
    after = retry_after_seconds if is_number(retry_after_seconds) else None
    return Failure(
        Reason.WORKER_FAILED,
        (message or "The worker reported a failure")[:MAX_MESSAGE_CHARS],
        is_reported=True,
        retryable=retryable is not False,
        retry_after_ms=None if after is None else round(max(0, after) * 1000),
        details=error if isinstance(error, dict) and len(json.dumps(error)) <= MAX_DETAILS_CHARS else None,
    )


def is_number(value: Any) -> bool:
    """Whether a value from JSON is a number that can be reckoned with: no boolean, no NaN, below 10^9."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value and abs(value) < 1e9

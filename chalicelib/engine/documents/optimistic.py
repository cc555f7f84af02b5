"""The optimistic loop: read, decide, write on the condition that nobody wrote in between; again if somebody did.

An attempt is a function that does all three. It raises StaleRead to be made again.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from chalicelib import clock, ids
from chalicelib.errors import Unavailable, YardmasterError
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem, Write

TRIES = 8
"""How often an attempt is made before the caller is asked to try again later."""
FIRST_PAUSE_S = 0.04
LONGEST_PAUSE_S = 0.64
TOO_MANY_WRITERS = "Too many writers at once; try again"

T = TypeVar("T")


class StaleRead(Exception):
    """Somebody else wrote between the attempt's read and its write."""


class TooManyWriters(Unavailable):
    """Every attempt came too late."""


class Precondition(NamedTuple):
    """What else must hold for a change to be made: a check in its transaction, and the error when it does not."""

    check: Write
    error: YardmasterError


def retry(
    attempt: Callable[[], T],
    *,
    tries: int = TRIES,
    longest_pause_s: float = LONGEST_PAUSE_S,
    message: str = TOO_MANY_WRITERS,
) -> T:
    """Return the first answer of `attempt` that is not a StaleRead.

    The second attempt follows at once. Those after it wait a random time, which grows: writers that keep step would
    come too late again. Raises TooManyWriters with this message after so many tries; every other error of an attempt at
    once.
    """
    for failed in range(tries):
        if failed > 1:
            clock.sleep(ids.fraction() * min(longest_pause_s, FIRST_PAUSE_S * 2 ** (failed - 2)))
        try:
            return attempt()
        except StaleRead:
            continue
    raise TooManyWriters(message, retry_after=1)


def commit_change(new: T, parse: Callable[[RawItem], T], writes: Sequence[Write], *, strict: bool = False) -> None:
    """Send the write that stores `new`, the first one, with the others in its transaction. One call.

    Raises StaleRead when a condition does not hold; with `strict`, ConditionFailed when only conditions of
    the others do not.
    """
    try:
        dynamodb.commit(*writes)
    except ConditionFailed as error:
        if strict and not error.failed[0]:
            raise
        if not is_stored(new, parse, error):
            raise StaleRead from None


def is_stored(new: T, parse: Callable[[RawItem], T], error: ConditionFailed) -> bool:
    """Whether the refused write had stored `new` before: its answer was lost, and the AWS client sent it again."""
    stored = error.items[0]
    return stored is not None and parse(stored) == new


def unmet_error(preconditions: Sequence[Precondition], error: ConditionFailed) -> YardmasterError | None:
    """The error of the first precondition that does not hold, or None. Their checks are the transaction's writes from
    the second one on."""
    failed = zip(preconditions, error.failed[1:], strict=False)
    return next((precondition.error for precondition, is_unmet in failed if is_unmet), None)

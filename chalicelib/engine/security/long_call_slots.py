"""Slots: how many requests of an org may take long at once, because they wait or call a slow server.

Each such request occupies a thread here and one of the account's concurrent executions in AWS for seconds. A rate limit
does not bound how many run at once; slots do, over all processes. A slow request costs two calls, any other none.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chalicelib import clock, ids
from chalicelib.errors import TooManyRequests, Unavailable
from chalicelib.storage.access import long_call_slots as storage
from chalicelib.storage.access.long_call_slots import Refusal

MARGIN_SECONDS = 10
"""A slot of a request that died is held for so much longer than the request may take."""


@contextmanager
def try_slot(org: str, kind: str, most: int, seconds: float) -> Iterator[Refusal | None]:
    """Hold one of the `most` slots that an org has of this kind; yields why none is free, or None if one is held.

    `seconds` is the longest that a slot is used. Two calls; two more where requests that held slots have died.
    Raises Unavailable before the slot is held, and not after.
    """
    token = f"{clock.now() + _max_hold_ms(seconds):014d}.{ids.new('slot')}"
    refusal = _take(org, kind, most, seconds, token)
    try:
        yield refusal
    finally:
        if refusal is None:
            with suppress(Unavailable):  # the slot expires
                storage.release(org, kind, [token])


@contextmanager
def hold_slot(org: str, kind: str, most: int, seconds: float) -> Iterator[bool]:
    """As `try_slot`; yields whether one was free."""
    with try_slot(org, kind, most, seconds) as refusal:
        yield refusal is None


@contextmanager
def hold_required_slot(org: str, kind: str, most: int, seconds: float) -> Iterator[None]:
    """As `hold_slot`. Raises TooManyRequests when no slot is free."""
    with hold_slot(org, kind, most, seconds) as is_held:
        if not is_held:
            raise TooManyRequests(f"At most {most} of these requests at once; try again in a second", retry_after=1)
        yield


def rest(org: str, kind: str, milliseconds: int) -> None:
    """Let no slot of this kind be taken for so long, an hour at most. One call. Raises Unavailable."""
    storage.rest(org, kind, clock.now() + min(milliseconds, storage.ITEM_TTL_SECONDS * clock.SECOND))


def _take(org: str, kind: str, most: int, seconds: float, token: str) -> Refusal | None:
    refusal = storage.take(org, kind, most, token)
    expired = [held for held in refusal.tokens if _has_expired(held, seconds)] if refusal is not None else []
    if not expired:
        return refusal
    storage.release(org, kind, expired)
    return storage.take(org, kind, most, token)


def _has_expired(token: str, seconds: float) -> bool:
    """Whether a slot has expired; also one that expires later than any slot that can be taken now, since then the clock
    has stepped back."""
    until = int(token.partition(".")[0])
    return not clock.now() < until <= clock.now() + _max_hold_ms(seconds)


def _max_hold_ms(seconds: float) -> int:
    return round((seconds + MARGIN_SECONDS) * clock.SECOND)

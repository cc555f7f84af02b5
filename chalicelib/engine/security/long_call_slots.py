"""How many requests of an org may hold a function for long at once: a wait, a call to somebody's slow server.

Each such request holds a thread here and one of the account's concurrent executions in AWS, for seconds in which it
works for nobody else. A limit on how many begin in a minute does not bound how many are there; this does, over all
processes, for two calls a slow request and none for any other.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from chalicelib import clock, ids
from chalicelib.errors import TooManyRequests, Unavailable
from chalicelib.storage.access import long_call_slots as storage

MARGIN_SECONDS = 10
"""So much longer than it may take is a slot held by a request that died."""


@contextmanager
def hold_slot(org: str, kind: str, most: int, seconds: float) -> Iterator[bool]:
    """Hold one of the `most` slots that an org has of this kind; gives whether there was one.

    `seconds` is the longest that a slot is used. Two calls; two more where requests that held slots have died.
    Raises Unavailable before the slot is held, and not after.
    """
    token = f"{clock.now() + _max_hold_ms(seconds):014d}.{ids.new('slot')}"
    held = _take(org, kind, most, seconds, token)
    try:
        yield held
    finally:
        if held:
            with suppress(Unavailable):  # then it ends by itself
                storage.release(org, kind, [token])


@contextmanager
def hold_required_slot(org: str, kind: str, most: int, seconds: float) -> Iterator[None]:
    """The same for what cannot be done without one. Raises TooManyRequests."""
    with hold_slot(org, kind, most, seconds) as held:
        if not held:
            raise TooManyRequests(f"At most {most} of these requests at once; try again in a second", retry_after=1)
        yield


def _take(org: str, kind: str, most: int, seconds: float, token: str) -> bool:
    there = storage.take(org, kind, most, token)
    if not there:
        return True
    over = [one for one in there if _has_expired(one, seconds)]
    if not over:
        return False
    storage.release(org, kind, over)
    return not storage.take(org, kind, most, token)


def _has_expired(token: str, seconds: float) -> bool:
    """Whether a slot has ended by itself; also one that ends later than any could that was taken by now, since then the
    clock has stepped back."""
    until = int(token.partition(".")[0])
    return not clock.now() < until <= clock.now() + _max_hold_ms(seconds)


def _max_hold_ms(seconds: float) -> int:
    return round((seconds + MARGIN_SECONDS) * clock.SECOND)

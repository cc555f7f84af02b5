"""Limit guesses at secrets that people choose: a worker's key, an application's, a hook's.

A request with the right secret costs nothing. A wrong one is counted for the secret and the network that it came from:
twenty at once, and one more a minute. After that a process refuses every request from that network for that secret for
a minute, the right one, too: otherwise the answers would still tell it from wrong ones. Other networks and other
secrets are not affected: a stranger elsewhere locks out no owner, and one server with an old key locks out no fleet.

Generated secrets (tokens, API keys, codes, invitations) have too many bits to be guessed.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib import clock, ids
from chalicelib.domain.accounts.address_blocks import network_of
from chalicelib.engine.security import rate_limits
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import TooManyRequests, Unauthenticated

MAX_BURST, MAX_PER_HOUR = 20, 60
_BLOCKED_MS = clock.HOUR // MAX_PER_HOUR

_blocked: TtlCache[str, bool] = TtlCache(_BLOCKED_MS)


@contextmanager
def limit_guesses(what: str, address: str) -> Iterator[None]:
    """Count each Unauthenticated raised within as a guess at `what` from this address.

    A guess takes one or two calls, anything else none. Raises TooManyRequests where there were too many.
    """
    key = guess_key(what, address)
    require_not_blocked(key)
    try:
        yield
    except Unauthenticated:
        count_guess(key)
        raise


def guess_key(what: str, address: str) -> str:
    """The key under which guesses at `what` from an address are counted."""
    return f"guess#{ids.derived('guess', what, network_of(address))}"


def require_not_blocked(key: str) -> None:
    """Raise TooManyRequests where this process has seen too many guesses."""
    if _blocked.get(key):
        raise _too_many_guesses()


def count_guess(key: str) -> None:
    """Count a wrong guess. Raises TooManyRequests where it was one too many."""
    if not rate_limits.admit(key, MAX_PER_HOUR, clock.HOUR, MAX_BURST).allowed:
        _blocked.put(key, True)
        raise _too_many_guesses()


def _too_many_guesses() -> TooManyRequests:
    seconds = _BLOCKED_MS // clock.SECOND
    return TooManyRequests(f"Too many wrong credentials; try again in {seconds} seconds", retry_after=seconds)

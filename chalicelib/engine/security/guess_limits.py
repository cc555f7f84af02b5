"""What keeps others from finding a chosen secret by trying: a worker's key, an application's, a hook's.

Who knows it pays nothing. What is refused is counted for the secret and the network that it came from: twenty at once,
and one more a minute. Then a process refuses all that comes from there for that secret for a minute, the right one,
too, or the answers would still tell it from the wrong ones. Other networks, and other secrets, are not concerned: no
owner is locked out by a stranger elsewhere, and no fleet by the one of its servers that has an old key.

Secrets that nobody has chosen (tokens, API keys, codes, invitations) have too many bits for that.
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
    """Whatever is refused with Unauthenticated meanwhile is a guess at `what`, from this address.

    No call but for a guess, and then one or two. Raises TooManyRequests where there were too many.
    """
    key = guess_key(what, address)
    require_not_blocked(key)
    try:
        yield
    except Unauthenticated:
        count_guess(key)
        raise


def guess_key(what: str, address: str) -> str:
    """By what guesses at `what` from an address are counted."""
    return f"guess#{ids.derived('guess', what, network_of(address))}"


def require_not_blocked(key: str) -> None:
    """Raise TooManyRequests where this process has seen too many guesses."""
    if _blocked.get(key):
        raise _too_many_guesses()


def count_guess(key: str) -> None:
    """Count a guess that was wrong. Raises TooManyRequests where it was one too many."""
    if not rate_limits.admit(key, MAX_PER_HOUR, clock.HOUR, MAX_BURST).allowed:
        _blocked.put(key, True)
        raise _too_many_guesses()


def _too_many_guesses() -> TooManyRequests:
    seconds = _BLOCKED_MS // clock.SECOND
    return TooManyRequests(f"Too many wrong credentials; try again in {seconds} seconds", retry_after=seconds)

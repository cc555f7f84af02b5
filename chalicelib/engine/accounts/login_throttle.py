"""Signing in by email and password, and what keeps others from doing it by trying (OWASP, Authentication).

A try is counted before the password is looked at, so that a hundred at once are a hundred. Three counters bound
guessing, and none of them locks an owner out for ever:

- An account from one address: from the fifth try in a row on each one locks it there for the next, for a second, two,
  four, up to a quarter of an hour. So nobody locks anybody else out.
- An account from all addresses that nobody has signed in to it from: likewise from the twentieth try on, up to five
  minutes. That takes many addresses. One from which somebody has signed in before is not concerned.
- An address over all accounts: fifty tries that don't work, and ten more an hour; tries at accounts to which somebody
  has signed in from there before don't count. So one who tries one password on many accounts gets nowhere.

A lock refuses the right password, too, or it would be none. Sessions and API keys are not concerned at all. Whether an
account exists is not to be learnt: unknown emails are counted and locked the same, and cost the same work.
"""

from collections.abc import Mapping
from typing import NamedTuple

from chalicelib import clock
from chalicelib.domain.accounts import email_addresses
from chalicelib.domain.accounts.address_blocks import network_of
from chalicelib.engine.security import passwords, rate_limits
from chalicelib.errors import TooManyRequests, Unauthenticated
from chalicelib.storage.access import logins as storage
from chalicelib.storage.access.logins import LoginAttempts, LoginState
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem, Write


class Patience(NamedTuple):
    """How many tries in a row are free, and for how long further ones lock at most, in milliseconds."""

    free: int
    longest: int


AT_ADDRESS = Patience(5, 15 * clock.MINUTE)
ANYWHERE = Patience(20, 5 * clock.MINUTE)
ADDRESS_TRIES, ADDRESS_TRIES_AN_HOUR = 50, 10
SKEW = 5 * clock.SECOND
"""By so much the clocks of two processes may differ."""
FORGIVEN_AFTER = clock.DAY
"""After so long without a try, they count from the beginning."""
KNOWN_FOR = 90 * clock.DAY
"""For so long an address is known from which somebody has signed in."""


class Proof(NamedTuple):
    """Somebody has shown the password of an account."""

    email: str
    org: str
    user_id: str
    password: str
    password_hash: str
    settled: tuple[Write, ...]
    """By these, the tries are forgotten and the address is known."""


def prove(email: str, password: str, address: str) -> Proof:
    """Check a password; `address` is where the caller's requests come from. Two calls, three from an unknown address.

    Raises Unauthenticated, in the same words whatever is wrong, and TooManyRequests while the account is locked.
    """
    key, network = email_addresses.key(email), network_of(address)
    door = storage.read_login_state(key, email_addresses.kept_key(email), network)
    known = _is_known(door.address)
    if not known:
        _admit(network)
    guards = {door.address: AT_ADDRESS} if known else {door.address: AT_ADDRESS, door.account: ANYWHERE}
    _count(guards)
    login, kept = door.login, None if door.login is None else door.login.password_hash
    if not passwords.is_correct(password, kept) or login is None or kept is None:
        raise Unauthenticated("Wrong email or password")
    return Proof(door.email, login.org, login.user_id, password, kept, tuple(_settled(door, network, known)))


def acted_upon(proof: Proof) -> list[Write]:
    """What is to be written together with what the password was shown for: it must still be the one, and is hashed
    anew where hashes have become dearer."""
    if passwords.is_outdated(proof.password_hash):
        return replaced(proof, proof.password)
    return [*proof.settled, storage.password_unchanged_check(proof.email, proof.password_hash)]


def replaced(proof: Proof, password: str) -> list[Write]:
    """The writes that put another password in the place of the one that was shown."""
    return [
        *proof.settled,
        storage.set_password_write(proof.email, proof.password_hash, passwords.hash_password(password)),
    ]


def _is_known(guard: LoginAttempts) -> bool:
    return guard.known and guard.expires_at_ms > clock.now()


def _admit(network: str) -> None:
    """Count a try from a network against all of its tries. Raises TooManyRequests."""
    admission = rate_limits.admit(_network_key(network), ADDRESS_TRIES_AN_HOUR, clock.HOUR, ADDRESS_TRIES)
    if not admission.allowed:
        raise _locked(admission.retry_after)


def _network_key(network: str) -> str:
    return f"sign-in#{network}"


def _count(guards: Mapping[LoginAttempts, Patience]) -> None:
    """Count a try at each guard. Raises TooManyRequests where none is free at one, which ends all contention."""
    found, patiences = list(guards), list(guards.values())
    while True:
        present = [_present(guard) for guard in found]
        left = max(map(_left, present, patiences))
        if left > 0:
            raise _locked(max(1, -(-left // clock.SECOND)))
        tried = map(_tried, present, patiences)
        try:
            dynamodb.commit(*map(storage.count_attempt_write, found, tried))
        except ConditionFailed as refused:
            found = list(map(_as_stored, found, refused.failed, refused.items))
        else:
            return


def _as_stored(guard: LoginAttempts, failed: bool, item: RawItem | None) -> LoginAttempts:
    """A guard as it is now, by what a refusal has said of it."""
    if not failed:
        return guard
    return storage.attempts_from_raw(item) if item is not None else LoginAttempts(guard.id)


def _left(guard: LoginAttempts, patience: Patience) -> int:
    """For how long a guard is locked still, in milliseconds. An end further ahead than its tries could have put it was
    set by a clock that was ahead of ours, or has been set back since: it locks nobody."""
    left = guard.locked_until - clock.now()
    return left if left <= lock(guard.failures, patience) + SKEW else 0


def _present(guard: LoginAttempts) -> LoginAttempts:
    return guard if guard.expires_at_ms > clock.now() else LoginAttempts(guard.id)


def _tried(guard: LoginAttempts, patience: Patience) -> LoginAttempts:
    now, failures = clock.now(), guard.failures + 1
    kept = KNOWN_FOR if guard.known else FORGIVEN_AFTER
    return guard._replace(failures=failures, locked_until=now + lock(failures, patience), expires_at_ms=now + kept)


def lock(failures: int, patience: Patience = AT_ADDRESS) -> int:
    """For how long so many tries in a row that did not work lock, in milliseconds."""
    doublings = min(failures - patience.free, 20)
    return min(patience.longest, clock.SECOND << doublings) if doublings >= 0 else 0


def _locked(seconds: int) -> TooManyRequests:
    return TooManyRequests(f"Too many tries to sign in; try again in {seconds} seconds", retry_after=seconds)


def _settled(door: LoginState, network: str, known: bool) -> list[Write]:
    """The guards that counted this try forget all of them, the network is given it back, and the address is known."""
    now = clock.now()
    at_address = LoginAttempts(door.address.id, known=bool(network), expires_at_ms=now + KNOWN_FOR)
    if known:
        return [storage.reset_attempts_write(at_address)]
    anywhere = LoginAttempts(door.account.id, expires_at_ms=now + FORGIVEN_AFTER)
    back = rate_limits.give_back_write(_network_key(network), ADDRESS_TRIES_AN_HOUR, clock.HOUR, ADDRESS_TRIES)
    return [storage.reset_attempts_write(at_address), storage.reset_attempts_write(anywhere), back]

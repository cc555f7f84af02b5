"""Signing in by email and password, and what keeps others from doing it by trying (OWASP, Authentication).

A try is counted before the password is looked at, so that a hundred at once are a hundred. From the fifth in a row on
each one locks the account for the next: a second, two, four, up to a quarter of an hour. A locked account refuses the
right password, too, or the lock would be none; so that a stranger cannot lock the owner out that way, an address from
which somebody has signed in to the account before has a guard of its own, which strangers' tries do not move. Sessions
and API keys are not concerned at all. Whether an account exists is not to be learnt: unknown emails are counted and
locked the same, and cost the same work.
"""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.engine import passwords
from chalicelib.errors import TooManyRequests, Unauthenticated
from chalicelib.storage import base
from chalicelib.storage import logins as storage
from chalicelib.storage.base import Refused, Write
from chalicelib.storage.logins import Guard

FREE_TRIES = 5
LONGEST_LOCK = 15 * clock.MINUTE
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


def email_key(email: str) -> str:
    """The form in which an email address is one address: nobody tells his case of letters from another's."""
    return email.strip().lower()


def prove(email: str, password: str, address: str) -> Proof:
    """Check a password; `address` is where the caller's requests come from. Two calls.

    Raises Unauthenticated, in the same words whatever is wrong, and TooManyRequests while the account is locked.
    """
    email = email_key(email)
    door = storage.door(email, address)
    guard = door.address if _is_known(door.address) else door.account
    _count(guard)
    login, kept = door.login, None if door.login is None else door.login.password_hash
    if not passwords.matches(password, kept) or login is None or kept is None:
        raise Unauthenticated("Wrong email or password")
    settled = _settled(guard.id, door.address.id if address else None)
    return Proof(email, login.org, login.user_id, password, kept, tuple(settled))


def acted_upon(proof: Proof) -> list[Write]:
    """What is to be written together with what the password was shown for: it must still be the one, and is hashed
    anew where hashes have become dearer."""
    if passwords.is_outdated(proof.password_hash):
        return replaced(proof, proof.password)
    return [*proof.settled, storage.unchanged(proof.email, proof.password_hash)]


def replaced(proof: Proof, password: str) -> list[Write]:
    """The writes that put another password in the place of the one that was shown."""
    return [*proof.settled, storage.secured(proof.email, proof.password_hash, passwords.hashed(password))]


def _is_known(guard: Guard) -> bool:
    return guard.known and guard.expires_at > clock.now()


def _count(guard: Guard) -> None:
    """Count a try. Raises TooManyRequests where none is free, which ends all contention."""
    while True:
        present = _present(guard)
        if present.locked_until > clock.now():
            raise _locked(present)
        try:
            base.commit(storage.counted(guard, _tried(present)))
        except Refused as refused:
            guard = storage.guard(refused.items[0]) if refused.items[0] is not None else Guard(guard.id)
        else:
            return


def _present(guard: Guard) -> Guard:
    return guard if guard.expires_at > clock.now() else Guard(guard.id)


def _tried(guard: Guard) -> Guard:
    now, failures = clock.now(), guard.failures + 1
    kept = KNOWN_FOR if guard.known else FORGIVEN_AFTER
    return guard._replace(failures=failures, locked_until=now + lock(failures), expires_at=now + kept)


def lock(failures: int) -> int:
    """For how long an account is locked after so many tries in a row that did not work, in milliseconds."""
    doublings = min(failures - FREE_TRIES, 20)
    return min(LONGEST_LOCK, clock.SECOND << doublings) if doublings >= 0 else 0


def _locked(guard: Guard) -> TooManyRequests:
    seconds = max(1, -(-(guard.locked_until - clock.now()) // clock.SECOND))
    return TooManyRequests(f"Too many tries to sign in; try again in {seconds} seconds", retry_after=seconds)


def _settled(guard: str, at_address: str | None) -> list[Write]:
    """The guard that counted this try forgets all of them, and this address is known."""
    now = clock.now()
    settled = [] if guard == at_address else [storage.opened(Guard(guard, expires_at=now + FORGIVEN_AFTER))]
    if at_address is not None:
        settled.append(storage.opened(Guard(at_address, known=True, expires_at=now + KNOWN_FOR)))
    return settled

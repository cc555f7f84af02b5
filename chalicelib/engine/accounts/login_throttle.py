"""Sign-in by email and password, with limits on guessing (OWASP, Authentication).

A try is counted before the password is checked, so that a hundred tries at once count as a hundred. Three counters
limit guessing, and none of them locks an owner out for ever:

- One account from one address: from the fifth failed try in a row on, each locks the account for that address, for 1,
  2, 4 seconds and so on, up to 15 minutes. So nobody can lock out anybody else.
- One account from all addresses from which nobody has signed in to it: the same from the twentieth try on, up to five
  minutes. An address from which somebody has signed in before is not affected.
- One address over all accounts: 50 failed tries, and ten more per hour. Tries at accounts to which somebody has signed
  in from there before do not count. So trying one password on many accounts does not work.

A lock refuses the right password, too. Sessions and API keys are not affected. A caller cannot learn whether an account
exists: tries for unknown emails are counted and locked in the same way, and take as long.
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


class Threshold(NamedTuple):
    """How many failed tries in a row do not lock, and the longest lock."""

    free: int
    max_lock_ms: int


FROM_ONE_ADDRESS = Threshold(5, 15 * clock.MINUTE)
FROM_ALL_ADDRESSES = Threshold(20, 5 * clock.MINUTE)
ADDRESS_BURST, ADDRESS_ATTEMPTS_PER_HOUR = 50, 10
CLOCK_SKEW_MS = 5 * clock.SECOND
"""The clocks of two processes may differ by this much."""
ATTEMPTS_TTL_MS = clock.DAY
"""After this long without a try, the count begins at 0."""
KNOWN_ADDRESS_TTL_MS = 90 * clock.DAY
"""An address is known for this long after somebody has signed in from it."""


class Proof(NamedTuple):
    """The caller has given the right password of an account."""

    email: str
    org: str
    user_id: str
    password: str
    password_hash: str
    reset_writes: tuple[Write, ...]
    """They reset the counters and make the address known."""


def verify_password(email: str, password: str, address: str) -> Proof:
    """Check a password. `address` is where the request comes from. Two calls, three for an unknown address.

    Raises Unauthenticated, with the same message whatever is wrong, and TooManyRequests while the account is locked.
    """
    key, network = email_addresses.unique_key(email), network_of(address)
    state = storage.read_login_state(key, email_addresses.stored_key(email), network)
    is_known = _is_known_address(state.address)
    if not is_known:
        _count_address_attempt(network)
    thresholds = {state.address: FROM_ONE_ADDRESS}
    if not is_known:
        thresholds[state.account] = FROM_ALL_ADDRESSES
    _count_attempt(thresholds)
    login, password_hash = state.login, None if state.login is None else state.login.password_hash
    if not passwords.is_correct(password, password_hash) or login is None or password_hash is None:
        raise Unauthenticated("Wrong email or password")
    resets = tuple(_reset_writes(state, network, is_known))
    return Proof(state.email, login.org, login.user_id, password, password_hash, resets)


def success_writes(proof: Proof) -> list[Write]:
    """The writes to send with the change that the password was given for. They check that it is still the password, and
    store a new hash if the stored one has outdated parameters."""
    if passwords.is_outdated(proof.password_hash):
        return replace_password_writes(proof, proof.password)
    return [*proof.reset_writes, storage.password_unchanged_check(proof.email, proof.password_hash)]


def replace_password_writes(proof: Proof, password: str) -> list[Write]:
    """The writes that replace the password that was given."""
    return [
        *proof.reset_writes,
        storage.set_password_write(proof.email, proof.password_hash, passwords.hash_password(password)),
    ]


def _is_known_address(attempts: LoginAttempts) -> bool:
    return attempts.is_known_address and attempts.expires_at_ms > clock.now()


def _count_address_attempt(network: str) -> None:
    """Count a try against the limit of its network. Raises TooManyRequests."""
    admission = rate_limits.admit(_network_key(network), ADDRESS_ATTEMPTS_PER_HOUR, clock.HOUR, ADDRESS_BURST)
    if not admission.allowed:
        raise _lock_error(admission.retry_after)


def _network_key(network: str) -> str:
    return f"sign-in#{network}"


def _count_attempt(thresholds_by_counter: Mapping[LoginAttempts, Threshold]) -> None:
    """Count a try at each counter. Raises TooManyRequests when one of them is locked, which also ends the retries."""
    counters, thresholds = list(thresholds_by_counter), list(thresholds_by_counter.values())
    while True:
        present = [_unexpired(counter) for counter in counters]
        remaining_ms = max(map(_remaining_lock_ms, present, thresholds))
        if remaining_ms > 0:
            raise _lock_error(max(1, -(-remaining_ms // clock.SECOND)))
        counted = map(_next_attempts, present, thresholds)
        try:
            dynamodb.commit(*map(storage.count_attempt_write, counters, counted))
        except ConditionFailed as refused:
            counters = list(map(_current_attempts, counters, refused.failed, refused.items))
        else:
            return


def _current_attempts(attempts: LoginAttempts, failed: bool, item: RawItem | None) -> LoginAttempts:
    """The counter as it is stored, which a refused write returns."""
    if not failed:
        return attempts
    return storage.attempts_from_raw(item) if item is not None else LoginAttempts(attempts.id)


def _remaining_lock_ms(attempts: LoginAttempts, threshold: Threshold) -> int:
    """How long the lock lasts. One that is longer than its tries allow was set by a wrong clock and does not count."""
    remaining_ms = attempts.locked_until - clock.now()
    return remaining_ms if remaining_ms <= lock_ms(attempts.failures, threshold) + CLOCK_SKEW_MS else 0


def _unexpired(attempts: LoginAttempts) -> LoginAttempts:
    return attempts if attempts.expires_at_ms > clock.now() else LoginAttempts(attempts.id)


def _next_attempts(attempts: LoginAttempts, threshold: Threshold) -> LoginAttempts:
    now, failures = clock.now(), attempts.failures + 1
    ttl_ms = KNOWN_ADDRESS_TTL_MS if attempts.is_known_address else ATTEMPTS_TTL_MS
    locked_until = now + lock_ms(failures, threshold)
    return attempts._replace(failures=failures, locked_until=locked_until, expires_at_ms=now + ttl_ms)


def lock_ms(failures: int, threshold: Threshold = FROM_ONE_ADDRESS) -> int:
    """How long this many failed tries in a row lock."""
    doublings = min(failures - threshold.free, 20)
    return min(threshold.max_lock_ms, clock.SECOND << doublings) if doublings >= 0 else 0


def _lock_error(seconds: int) -> TooManyRequests:
    return TooManyRequests(f"Too many tries to sign in; try again in {seconds} seconds", retry_after=seconds)


def _reset_writes(state: LoginState, network: str, is_known: bool) -> list[Write]:
    """Reset the counters of this try, give it back to the limit of the network, and make the address known."""
    now = clock.now()
    at_address = LoginAttempts(
        state.address.id, is_known_address=bool(network), expires_at_ms=now + KNOWN_ADDRESS_TTL_MS
    )
    if is_known:
        return [storage.reset_attempts_write(at_address)]
    anywhere = LoginAttempts(state.account.id, expires_at_ms=now + ATTEMPTS_TTL_MS)
    give_back = rate_limits.give_back_write(_network_key(network), ADDRESS_ATTEMPTS_PER_HOUR, clock.HOUR, ADDRESS_BURST)
    return [storage.reset_attempts_write(at_address), storage.reset_attempts_write(anywhere), give_back]

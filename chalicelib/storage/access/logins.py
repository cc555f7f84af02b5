"""Logins, in the `access` table: the user of an email address, and the attempts to sign in.

email#<address>   the user, the hash of the password, and the invitation that may still be accepted
guard#<digest>    the failed attempts at an account since the last success, of all addresses or of one
admins#<org>      how many active administrators an org has, so that the last one stays
"""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import clock, ids
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import batch_get, dynamodb
from chalicelib.storage.aws.batch_get import key_of
from chalicelib.storage.aws.dynamodb import RawItem, Write


class LoginItem(AccessTable):
    org = UnicodeAttribute()
    user_id = UnicodeAttribute()
    password_hash = UnicodeAttribute(null=True)
    invitation = UnicodeAttribute(null=True)


class AttemptsItem(AccessTable):
    failures = NumberAttribute(default=0)
    locked_until = NumberAttribute(default=0)
    is_known_address = NumberAttribute(attr_name="known", default=0)


class AdminsItem(AccessTable):
    number = NumberAttribute()


class Login(NamedTuple):
    """The user of an email address. There is no password until the invitation is accepted."""

    org: str
    user_id: str
    password_hash: str | None = None
    invitation: str | None = None


class LoginAttempts(NamedTuple):
    """The failed attempts since the last success; times in epoch milliseconds, 0 for never."""

    id: str
    failures: int = 0
    locked_until: int = 0
    is_known_address: bool = False
    """Whether somebody has signed in from this address before."""
    expires_at_ms: int = 0


class LoginState(NamedTuple):
    """All that decides whether a password may be tried at an email address."""

    login: Login | None
    email: str
    """The key under which the login is stored."""
    account: LoginAttempts
    address: LoginAttempts
    """The attempts at the account from the caller's address."""


def read_login_state(email: str, typed: str, address: str) -> LoginState:
    """The login of an email address with the attempts at its account, of all addresses and of this one. One call.

    `email` is the key of the email address. A login that was stored under another spelling is found as `typed`.
    """
    logins = {name: LoginItem(_key(name)) for name in (email, typed)}
    guards = [AttemptsItem(_attempts_id(email)), AttemptsItem(_attempts_id(email, address))]
    raw_items = {raw["id"]["S"]: raw for _, raw in batch_get.read([*map(key_of, [*logins.values(), *guards])])}
    kept = next((name for name, item in logins.items() if item.id in raw_items), None)
    account, at_address = (
        attempts_from_raw(raw_items[guard.id]) if guard.id in raw_items else LoginAttempts(guard.id) for guard in guards
    )
    login = None if kept is None else _parse(LoginItem.from_raw_data(raw_items[logins[kept].id]))
    return LoginState(login, kept or email, account, at_address)


def find(email: str) -> Login | None:
    """The login of the email address, as of now, or None."""
    with dynamodb.reading():
        try:
            return _parse(LoginItem.get(_key(email), consistent_read=True))
        except LoginItem.DoesNotExist:
            return None


def claim_email_write(email: str, login: Login) -> Write:
    """The write that gives an email address to a user, refused when another user has it."""
    values = {name: value for name, value in login._asdict().items() if value is not None}
    return dynamodb.put(LoginItem(_key(email), **values), LoginItem.id.does_not_exist())


def release_email_write(email: str, user_id: str) -> Write:
    """The write that releases an email address of a user."""
    condition = (LoginItem.user_id == user_id) | LoginItem.id.does_not_exist()
    return dynamodb.delete(LoginItem(_key(email)), condition)


def password_unchanged_check(email: str, password_hash: str) -> Write:
    """The check, within a transaction, that the password is still this one."""
    return dynamodb.check(LoginItem(_key(email)), LoginItem.password_hash == password_hash)


def set_password_write(email: str, before: str, password_hash: str) -> Write:
    """The write of a new password hash, refused when the stored one is not `before` any more."""
    condition = LoginItem.password_hash == before
    return dynamodb.update(LoginItem(_key(email)), [LoginItem.password_hash.set(password_hash)], condition)


def replace_invitation_write(email: str, user_id: str, invitation: str) -> Write:
    """The write that replaces a user's invitation, refused when the user has accepted one."""
    condition = (LoginItem.user_id == user_id) & LoginItem.password_hash.does_not_exist()
    return dynamodb.update(LoginItem(_key(email)), [LoginItem.invitation.set(invitation)], condition)


def accept_invitation_write(email: str, invitation: str, password_hash: str) -> Write:
    """The write that uses an invitation and sets the password, refused when it is used or replaced."""
    actions = [LoginItem.password_hash.set(password_hash), LoginItem.invitation.remove()]
    return dynamodb.update(LoginItem(_key(email)), actions, LoginItem.invitation == invitation)


def count_attempt_write(stored: LoginAttempts, now: LoginAttempts) -> Write:
    """The write of one more attempt, refused when another one was written since `stored` was read."""
    is_same = (AttemptsItem.failures == stored.failures) & (
        AttemptsItem.expires_at_s == stored.expires_at_ms // clock.SECOND
    )
    return dynamodb.put(_attempts_item(now), is_same if stored.expires_at_ms else AttemptsItem.id.does_not_exist())


def reset_attempts_write(now: LoginAttempts) -> Write:
    """The write of attempts that start again, whatever is stored."""
    return dynamodb.put(_attempts_item(now), AttemptsItem.id.exists() | AttemptsItem.id.does_not_exist())


def attempts_from_raw(raw: RawItem) -> LoginAttempts:
    """The stored item as a value."""
    item = AttemptsItem.from_raw_data(raw)
    expires_at_ms = int(item.expires_at_s or 0) * clock.SECOND
    return LoginAttempts(
        item.id, int(item.failures), int(item.locked_until), bool(item.is_known_address), expires_at_ms
    )


def add_admin_write(org: str) -> Write:
    """The write that counts one more administrator of an org."""
    return dynamodb.update(
        AdminsItem(_admins_key(org)),
        [AdminsItem.number.add(1)],
        AdminsItem.id.exists() | AdminsItem.id.does_not_exist(),
    )


def remove_admin_write(org: str) -> Write:
    """The write that counts one administrator less, refused for the last one."""
    return dynamodb.update(AdminsItem(_admins_key(org)), [AdminsItem.number.add(-1)], AdminsItem.number > 1)


def count_admins(org: str) -> int:
    """How many active administrators an org has. One call."""
    with dynamodb.reading():
        try:
            return int(AdminsItem.get(_admins_key(org), consistent_read=True).number)
        except AdminsItem.DoesNotExist:
            return 0


def _parse(item: LoginItem) -> Login:
    return Login(item.org, item.user_id, item.password_hash, item.invitation)


def _attempts_item(attempts: LoginAttempts) -> AttemptsItem:
    return AttemptsItem(
        attempts.id,
        failures=attempts.failures,
        locked_until=attempts.locked_until,
        is_known_address=int(attempts.is_known_address),
        expires_at_s=attempts.expires_at_ms // clock.SECOND,
    )


def _key(email: str) -> str:
    return f"email#{email}"


def _attempts_id(*parts: str) -> str:
    return f"guard#{ids.derived('guard', *parts)}"


def _admins_key(org: str) -> str:
    return f"admins#{org}"

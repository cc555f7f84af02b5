"""What people sign in with, in the `access` table: whose an email address is, and how often somebody has tried it.

email#<address>   the user whom it belongs to, the hash of the password, and the invitation that may still be accepted
guard#<digest>    the tries at an account since it last worked, or those from one address
admins#<org>      how many active administrators an org has: the last one stays
"""

from typing import NamedTuple

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import clock, ids
from chalicelib.storage.access.table import AccessTable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write


class LoginItem(AccessTable):
    org = UnicodeAttribute()
    user_id = UnicodeAttribute()
    password_hash = UnicodeAttribute(null=True)
    invitation = UnicodeAttribute(null=True)


class GuardItem(AccessTable):
    failures = NumberAttribute(default=0)
    locked_until = NumberAttribute(default=0)
    known = NumberAttribute(default=0)


class AdminsItem(AccessTable):
    number = NumberAttribute()


class Login(NamedTuple):
    """Whose an email address is. There is no password until the invitation is accepted."""

    org: str
    user_id: str
    password_hash: str | None = None
    invitation: str | None = None


class Guard(NamedTuple):
    """The tries since it last worked, as stored; times in epoch milliseconds, 0 for never."""

    id: str
    failures: int = 0
    locked_until: int = 0
    known: bool = False
    """Whether somebody has signed in from this address before."""
    expires_at: int = 0


class Door(NamedTuple):
    """What stands between an email address and its account."""

    login: Login | None
    email: str
    """The key under which the login is kept."""
    account: Guard
    address: Guard
    """Of the account too, but for those who come from one address."""


def door(email: str, typed: str, address: str) -> Door:
    """Whose the email is, with the guards of the account and of this address, as of now. One call.

    `email` is the key of the address. One that was kept before addresses were tidied is found by how it was `typed`.
    """
    logins = {name: LoginItem(_key(name)) for name in (email, typed)}
    guards = [GuardItem(_guard_id(email)), GuardItem(_guard_id(email, address))]
    found = {raw["id"]["S"]: raw for _, raw in dynamodb.fetch([*logins.values(), *guards])}
    kept = next((name for name, item in logins.items() if item.id in found), None)
    account, at_address = (guard(found[one.id]) if one.id in found else Guard(one.id) for one in guards)
    login = None if kept is None else _parse(LoginItem.from_raw_data(found[logins[kept].id]))
    return Door(login, kept or email, account, at_address)


def find(email: str) -> Login | None:
    """Whose the email is, as of now, or None."""
    with dynamodb.reading():
        try:
            return _parse(LoginItem.get(_key(email), consistent_read=True))
        except LoginItem.DoesNotExist:
            return None


def taken(email: str, login: Login) -> Write:
    """The write that gives an email address to a user, refused when it is somebody's."""
    kept = {name: value for name, value in login._asdict().items() if value is not None}
    return dynamodb.put(LoginItem(_key(email), **kept), LoginItem.id.does_not_exist())


def freed(email: str, user_id: str) -> Write:
    """The write that takes an email address from its user."""
    condition = (LoginItem.user_id == user_id) | LoginItem.id.does_not_exist()
    return dynamodb.delete(LoginItem(_key(email)), condition)


def unchanged(email: str, password_hash: str) -> Write:
    """The check, within a transaction, that the password is still this one."""
    return dynamodb.check(LoginItem(_key(email)), LoginItem.password_hash == password_hash)


def secured(email: str, before: str, password_hash: str) -> Write:
    """The write of another password, or hash of it, refused when it is not the one from before any more."""
    condition = LoginItem.password_hash == before
    return dynamodb.update(LoginItem(_key(email)), [LoginItem.password_hash.set(password_hash)], condition)


def invited(email: str, user_id: str, invitation: str) -> Write:
    """The write that replaces a user's invitation, refused when one was accepted."""
    condition = (LoginItem.user_id == user_id) & LoginItem.password_hash.does_not_exist()
    return dynamodb.update(LoginItem(_key(email)), [LoginItem.invitation.set(invitation)], condition)


def accepted(email: str, invitation: str, password_hash: str) -> Write:
    """The write that uses up an invitation for a password, refused when it is used or replaced."""
    actions = [LoginItem.password_hash.set(password_hash), LoginItem.invitation.remove()]
    return dynamodb.update(LoginItem(_key(email)), actions, LoginItem.invitation == invitation)


def counted(stored: Guard, now: Guard) -> Write:
    """The write of one more try, refused when somebody else tried since the guard was read."""
    same = (GuardItem.failures == stored.failures) & (GuardItem.expires_at == stored.expires_at // clock.SECOND)
    return dynamodb.put(_guard_item(now), same if stored.expires_at else GuardItem.id.does_not_exist())


def opened(now: Guard) -> Write:
    """The write of a guard that starts anew, whatever was tried meanwhile."""
    return dynamodb.put(_guard_item(now), GuardItem.id.exists() | GuardItem.id.does_not_exist())


def guard(raw: RawItem) -> Guard:
    """The stored item as a value."""
    item = GuardItem.from_raw_data(raw)
    expires_at = int(item.expires_at or 0) * clock.SECOND
    return Guard(item.id, int(item.failures), int(item.locked_until), bool(item.known), expires_at)


def one_admin_more(org: str) -> Write:
    """The write that counts one more administrator of an org."""
    return dynamodb.update(
        AdminsItem(_admins_key(org)),
        [AdminsItem.number.add(1)],
        AdminsItem.id.exists() | AdminsItem.id.does_not_exist(),
    )


def one_admin_less(org: str) -> Write:
    """The write that counts one less, refused when it is the last."""
    return dynamodb.update(AdminsItem(_admins_key(org)), [AdminsItem.number.add(-1)], AdminsItem.number > 1)


def admins(org: str) -> int:
    """How many active administrators an org has."""
    with dynamodb.reading():
        try:
            return int(AdminsItem.get(_admins_key(org), consistent_read=True).number)
        except AdminsItem.DoesNotExist:
            return 0


def _parse(item: LoginItem) -> Login:
    return Login(item.org, item.user_id, item.password_hash, item.invitation)


def _guard_item(found: Guard) -> GuardItem:
    return GuardItem(
        found.id,
        failures=found.failures,
        locked_until=found.locked_until,
        known=int(found.known),
        expires_at=found.expires_at // clock.SECOND,
    )


def _key(email: str) -> str:
    return f"email#{email}"


def _guard_id(*parts: str) -> str:
    return f"guard#{ids.derived('guard', *parts)}"


def _admins_key(org: str) -> str:
    return f"admins#{org}"

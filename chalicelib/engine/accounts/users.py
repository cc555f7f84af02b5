"""Users: people of an org, each with an email address that no other has. An admin invites, the user sets a password.

What anything else needs to know of a user stands on one document: role, plan, memberships, and the ids of its API keys.
So with the document gone, every session and key is, too (`sessions`, `api_keys`).
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.accounts import email_addresses
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import login_throttle, sessions
from chalicelib.engine.documents import background_jobs, documents, optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.security import passwords, tokens
from chalicelib.errors import Conflict, InvalidRequest, NotFound, Unauthenticated
from chalicelib.storage.access import logins as storage
from chalicelib.storage.access.logins import Login
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as document_storage

USER = "user"
CHORE = "user"
"""The kind of chore that removes what a user leaves behind (`departures`)."""
INVITED, ACTIVE = "invited", "active"
ADMIN = "admin"
INVITATION_SECONDS = 72 * 3_600
LATE_SECONDS = 120
"""By then a session that a process still remembers has done its last, and lists show it."""


class Profile(NamedTuple):
    """Who a user is, as an admin says it."""

    email: str
    name: str
    role: str
    plan: str


class Invited(NamedTuple):
    """A user who is to set a password, and the token to do it with: good once, for 72 hours."""

    user: Document
    token: str


def get(org: str, user_id: str) -> Document:
    """The user as of now. Raises NotFound."""
    return documents.get(org, USER, user_id)


def every(org: str) -> list[Document]:
    """All users of an org, newest first; one call for each megabyte of them, some thousand users."""
    return list(document_storage.iter_all(org, USER))


def establish(org: str, user_id: str, profile: Profile, password: str) -> None:
    """An active user under an id known beforehand, unless the email address is taken: what a new deployment begins
    with."""
    user = documents.new(org, USER, _body(profile, ACTIVE), id=user_id)
    email = email_addresses.key(profile.email)
    login = Login(org, user.id, passwords.hash_password(password))
    with suppress(ConditionFailed):
        dynamodb.commit(
            document_storage.create_write(user), storage.claim_email_write(email, login), *_admins_moved(None, user)
        )


def _body(profile: Profile, status: str) -> dict[str, Any]:
    email = email_addresses.tidied(profile.email)
    return {**profile._asdict(), "email": email, "status": status, "preferences": {}}


def invite(org: str, profile: Profile, by: str) -> Invited:
    """A new user, who is to accept. One call. Raises Conflict when the email address is somebody's, of any org."""
    user = documents.new(org, USER, _body(profile, INVITED), by=by)
    invitation = ids.new("invitation")
    login = Login(org, user.id, invitation=invitation)
    try:
        documents.create(user, [storage.claim_email_write(email_addresses.key(profile.email), login)])
    except ConditionFailed:
        raise Conflict("This email address has an account already") from None
    return Invited(user, _invitation_token(user, invitation))


def invite_again(org: str, user_id: str) -> Invited:
    """Another invitation in the place of the one before. Two calls. Raises NotFound; Conflict when it was accepted."""
    user, invitation = get(org, user_id), ids.new("invitation")
    try:
        dynamodb.commit(storage.replace_invitation_write(_email(user), user.id, invitation))
    except ConditionFailed:
        raise Conflict(f"User {user_id} has accepted an invitation already") from None
    return Invited(user, _invitation_token(user, invitation))


def _invitation_token(user: Document, invitation: str) -> str:
    return tokens.sign(
        tokens.INVITATION, {"sub": user.id, "org": user.org, "invitation": invitation}, INVITATION_SECONDS
    )


def accept(token: str, password: str, name: str | None = None) -> Document:
    """Use an invitation up: the user has this password and is active. Three calls.

    Raises Unauthenticated; InvalidRequest for a password that is easy to guess, with which the invitation stays good.
    """
    claims = tokens.read(token, [tokens.INVITATION], ("sub", "org", "invitation"))
    passwords.require_uncommon(password, "password", name or "")
    password_hash = passwords.hash_password(password)

    def decide(user: Document) -> Document:
        _require_open(user, claims["invitation"])
        said = {"status": ACTIVE, "name": name or user.body["name"]}
        passwords.require_uncommon(password, "password", user.body["email"], said["name"])
        return replace(user, body={**user.body, **said, **sessions.new_era()})

    def also(old: Document, new: Document) -> Sequence[Write]:
        return storage.accept_invitation_write(_email(new), claims["invitation"], password_hash), *_admins_moved(
            old, new
        )

    try:
        return documents.change(claims["org"], USER, claims["sub"], decide, by=claims["sub"], also=also)
    except NotFound:
        raise _no_invitation() from None


def _require_open(user: Document, invitation: str) -> None:
    login = storage.find(_email(user))
    if login is None or (login.user_id, login.invitation) != (user.id, invitation):
        raise _no_invitation()


def _no_invitation() -> Unauthenticated:
    return Unauthenticated("The invitation is used, replaced or expired")


def sign_in(email: str, password: str, address: str) -> Document:
    """The user with this email and password, whose time of signing in is noted; `address` is where the request comes
    from. Four calls. Raises what `logins.prove` raises."""
    proof = login_throttle.prove(email, password, address)

    def decide(user: Document) -> Document:
        return replace(user, body={**user.body, "last_login_at": clock.now()})

    writes = login_throttle.acted_upon(proof)
    try:
        return documents.change(proof.org, USER, proof.user_id, decide, by=proof.user_id, also=lambda *_: writes)
    except NotFound:
        raise Unauthenticated("Wrong email or password") from None


def change_password(user: Document, current: str, new: str, address: str, session: str | None) -> None:
    """Another password, by which every other session ends than the one that it is changed in. Four calls.

    Raises InvalidRequest where `current` is not the password or `new` is easy to guess, TooManyRequests after too many
    tries.
    """
    passwords.require_uncommon(new, "newPassword", user.body["email"], user.body["name"])
    try:
        proof = login_throttle.prove(user.body["email"], current, address)
    except Unauthenticated:
        what = "is wrong"
        raise InvalidRequest(f"currentPassword: {what}", fields={"currentPassword": what}) from None

    def decide(found: Document) -> Document:
        return replace(found, body={**found.body, **sessions.new_era(session)})

    writes = login_throttle.replaced(proof, new)
    documents.change(user.org, USER, user.id, decide, by=user.id, also=lambda *_: writes)


def update(org: str, user_id: str, said: Mapping[str, Any]) -> Document:
    """Say other fields of one's own body; of the preferences, those that are not said stay. Raises NotFound."""

    def decide(user: Document) -> Document:
        body = {**user.body, **said, "preferences": _merged(user.body["preferences"], said.get("preferences", {}))}
        return user if body == user.body else replace(user, body=body)

    return documents.change(org, USER, user_id, decide, by=user_id)


def _merged(old: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    deeper = {name: _merged(old.get(name, {}), value) for name, value in said.items() if isinstance(value, Mapping)}
    return {**old, **said, **deeper}


def change(org: str, user_id: str, said: Mapping[str, Any], by: str) -> Document:
    """Say other fields of a user's body, such as name, role and plan. Up to three calls.

    Raises NotFound; Conflict when the org would be left without an admin.
    """

    def decide(user: Document) -> Document:
        body = {**user.body, **said}
        return user if body == user.body else replace(user, body=body)

    return documents.change(org, USER, user_id, decide, by=by, also=_admins_moved)


def delete(org: str, user_id: str, by: str) -> None:
    """Remove a user, with every session and key; what else it leaves behind is a chore. Up to three calls.

    Raises NotFound; Conflict for oneself and for the last admin.
    """

    def attempt() -> None:
        user = get(org, user_id)
        if user.id == by:
            raise Conflict("Nobody can delete the account that they are signed in with")
        email_freed = storage.release_email_write(_email(user), user.id)
        try:
            dynamodb.commit(
                document_storage.delete_write(user), email_freed, *_admins_moved(user, None), *_chores(user)
            )
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)


def _chores(user: Document) -> list[Write]:
    """What is left to do when a user goes: at once, and again for what it did in its last moments."""
    keys, memberships = list(user.body.get("keys", ())), list(user.body.get("memberships", ()))
    return [
        background_jobs.create_write(user.org, CHORE, user.id, wait_seconds=seconds, keys=keys, memberships=memberships)
        for seconds in (0, LATE_SECONDS)
    ]


def _admins_moved(old: Document | None, new: Document | None) -> list[Write]:
    """The write that keeps count of an org's admins, so that two who go at once do not both think the other stays."""
    was, now = _admin_of(old), _admin_of(new)
    if was == now:
        return []
    if now is not None:
        return [storage.add_admin_write(now)]
    if was is not None and storage.count_admins(was) <= 1:
        raise Conflict("The last admin of an organization stays one: make somebody else admin first")
    return [storage.remove_admin_write(was)] if was is not None else []


def _admin_of(user: Document | None) -> str | None:
    """The org that the user is an active admin of."""
    is_admin = user is not None and user.body["role"] == ADMIN and user.body["status"] == ACTIVE
    return user.org if user is not None and is_admin else None


def _email(user: Document) -> str:
    return email_addresses.kept_key(user.body["email"])

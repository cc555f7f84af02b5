"""Users: people of an org, each with an email address that no other has. An admin invites, the user sets a password.

One document has what other modules need of a user: role, plan, memberships and the ids of API keys. When the document
is deleted, every session and key is invalid (`sessions`, `api_keys`).
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
from chalicelib.errors import Conflict, Forbidden, InvalidRequest, NotFound, Unauthenticated
from chalicelib.storage.access import logins as storage
from chalicelib.storage.access.logins import Login
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.documents import documents as document_storage

USER = "user"
CLEANUP_JOB = "user"
"""The kind of background job that cleans up after a deleted user (user_cleanup.py)."""
INVITED, ACTIVE = "invited", "active"
ADMIN = "admin"
INVITATION_TTL_S = 72 * 3_600
SECOND_CLEANUP_AFTER_S = 120
"""By then no process remembers a session of the user, and lists show its last changes."""


class Profile(NamedTuple):
    """The fields of a user that an admin sets."""

    email: str
    name: str
    role: str
    plan: str


class Invitation(NamedTuple):
    """A user who is to set a password, and the token for that: it can be used once, within 72 hours."""

    user: Document
    token: str


def get(org: str, user_id: str) -> Document:
    """The user as of now. Raises NotFound."""
    return documents.get(org, USER, user_id)


def find(org: str, user_id: str) -> Document | None:
    """The user as of now, or None. One call."""
    return document_storage.find(org, USER, user_id)


def list_users(org: str) -> list[Document]:
    """All users of an org, newest first; one call for each megabyte of them, some thousand users."""
    return list(document_storage.iter_all(org, USER))


def ensure_user(org: str, user_id: str, profile: Profile, password: str) -> None:
    """Create an active user with a given id, unless the email address is taken: for a new deployment. One call."""
    user = documents.new(org, USER, _body(profile, ACTIVE), id=user_id)
    email = email_addresses.unique_key(profile.email)
    login = Login(org, user.id, passwords.hash_password(password))
    with suppress(ConditionFailed):
        dynamodb.commit(
            document_storage.create_write(user),
            storage.claim_email_write(email, login),
            *_admin_count_writes(None, user),
        )


def _body(profile: Profile, status: str) -> dict[str, Any]:
    email = email_addresses.normalize(profile.email)
    return {**profile._asdict(), "email": email, "status": status, "preferences": {}}


def invite(org: str, profile: Profile, by: str) -> Invitation:
    """Create a user who is to accept the invitation. One call. Raises Conflict when any org has the email address."""
    user = documents.new(org, USER, _body(profile, INVITED), by=by)
    invitation = ids.new("invitation")
    login = Login(org, user.id, invitation=invitation)
    try:
        documents.create(user, [storage.claim_email_write(email_addresses.unique_key(profile.email), login)])
    except ConditionFailed:
        raise Conflict("This email address has an account already") from None
    return Invitation(user, _invitation_token(user, invitation))


def renew_invitation(org: str, user_id: str) -> Invitation:
    """Replace the invitation by a new one. Two calls. Raises NotFound; Conflict when it was accepted."""
    user, invitation = get(org, user_id), ids.new("invitation")
    try:
        dynamodb.commit(storage.replace_invitation_write(_email_key(user), user.id, invitation))
    except ConditionFailed:
        raise Conflict(f"User {user_id} has accepted an invitation already") from None
    return Invitation(user, _invitation_token(user, invitation))


def _invitation_token(user: Document, invitation: str) -> str:
    return tokens.sign(tokens.INVITATION, {"sub": user.id, "org": user.org, "invitation": invitation}, INVITATION_TTL_S)


def accept_invitation(token: str, password: str, name: str | None = None) -> Document:
    """Use an invitation up: set the password and make the user active. Three calls.

    Raises Unauthenticated; InvalidRequest for a password that is easy to guess, after which the invitation is still
    valid.
    """
    claims = tokens.read(token, [tokens.INVITATION], ("sub", "org", "invitation"))
    passwords.require_uncommon(password, "password", name or "")
    password_hash = passwords.hash_password(password)

    def decide(user: Document) -> Document:
        _require_current_invitation(user, claims["invitation"])
        fields = {"status": ACTIVE, "name": name or user.body["name"]}
        passwords.require_uncommon(password, "password", user.body["email"], fields["name"])
        return replace(user, body={**user.body, **fields, **sessions.new_era_fields()})

    def also(old: Document, new: Document) -> Sequence[Write]:
        return storage.accept_invitation_write(
            _email_key(new), claims["invitation"], password_hash
        ), *_admin_count_writes(old, new)

    try:
        return documents.change(claims["org"], USER, claims["sub"], decide, by=claims["sub"], also=also)
    except NotFound:
        raise _invitation_error() from None


def _require_current_invitation(user: Document, invitation: str) -> None:
    login = storage.find(_email_key(user))
    if login is None or (login.user_id, login.invitation) != (user.id, invitation):
        raise _invitation_error()


def _invitation_error() -> Unauthenticated:
    return Unauthenticated("The invitation is used, replaced or expired")


def sign_in(email: str, password: str, address: str) -> Document:
    """Check email and password and record the time; returns the user. `address` is where the request comes from.

    Four calls. Raises what `login_throttle.verify_password` raises.
    """
    proof = login_throttle.verify_password(email, password, address)

    def decide(user: Document) -> Document:
        return replace(user, body={**user.body, "last_login_at": clock.now()})

    writes = login_throttle.success_writes(proof)
    try:
        return documents.change(proof.org, USER, proof.user_id, decide, by=proof.user_id, also=lambda *_: writes)
    except NotFound:
        raise Unauthenticated("Wrong email or password") from None


def sign_in_by_email(email: str, fields: Mapping[str, Any]) -> Document:
    """Sign in whoever has proven to own this email address, and set these fields; returns the user. Three calls.

    An invited user becomes active. Raises Forbidden where no user has the address. An address in another spelling than
    the stored form matches none: two mailboxes may look alike.
    """
    is_plain = email_addresses.normalize(email) == email
    login = storage.find(email_addresses.stored_key(email)) if is_plain else None

    def decide(user: Document) -> Document:
        return replace(user, body={**user.body, **fields, "status": ACTIVE, "last_login_at": clock.now()})

    with suppress(NotFound):
        if login is not None:
            by = login.user_id
            return documents.change(login.org, USER, login.user_id, decide, by=by, also=_admin_count_writes)
    raise Forbidden("No user has your email address: ask an admin of your organization for an invitation")


def change_password(user: Document, current: str, new: str, address: str, session: str | None) -> None:
    """Change the password. Every session except `session` ends. Four calls.

    Raises InvalidRequest when `current` is not the password or `new` is easy to guess; TooManyRequests after too many
    tries.
    """
    passwords.require_uncommon(new, "newPassword", user.body["email"], user.body["name"])
    try:
        proof = login_throttle.verify_password(user.body["email"], current, address)
    except Unauthenticated:
        what = "is wrong"
        raise InvalidRequest(f"currentPassword: {what}", fields={"currentPassword": what}) from None

    def decide(stored: Document) -> Document:
        return replace(stored, body={**stored.body, **sessions.new_era_fields(session)})

    writes = login_throttle.replace_password_writes(proof, new)
    documents.change(user.org, USER, user.id, decide, by=user.id, also=lambda *_: writes)


def update(org: str, user_id: str, fields: Mapping[str, Any]) -> Document:
    """Change fields of a user's own profile. Preferences that are not named stay. Raises NotFound."""

    def decide(user: Document) -> Document:
        body = {**user.body, **fields, "preferences": _merge(user.body["preferences"], fields.get("preferences", {}))}
        return user if body == user.body else replace(user, body=body)

    return documents.change(org, USER, user_id, decide, by=user_id)


def _merge(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    nested = {name: _merge(old.get(name, {}), value) for name, value in changes.items() if isinstance(value, Mapping)}
    return {**old, **changes, **nested}


def change(org: str, user_id: str, fields: Mapping[str, Any], by: str) -> Document:
    """Change fields of a user, such as name, role and plan. Up to three calls.

    Raises NotFound; Conflict when the org would be left without an admin.
    """

    def decide(user: Document) -> Document:
        body = {**user.body, **fields}
        return user if body == user.body else replace(user, body=body)

    return documents.change(org, USER, user_id, decide, by=by, also=_admin_count_writes)


def delete(org: str, user_id: str, by: str) -> None:
    """Delete a user; sessions and keys are invalid at once, a background job cleans up. Up to three calls.

    Raises NotFound; Conflict for the caller's own account and for the last admin.
    """

    def attempt() -> None:
        user = get(org, user_id)
        if user.id == by:
            raise Conflict("Nobody can delete the account that they are signed in with")
        email_freed = storage.release_email_write(_email_key(user), user.id)
        try:
            dynamodb.commit(
                document_storage.delete_write(user),
                email_freed,
                *_admin_count_writes(user, None),
                *_cleanup_job_writes(user),
            )
        except ConditionFailed:
            raise StaleRead from None

    optimistic.retry(attempt)


def _cleanup_job_writes(user: Document) -> list[Write]:
    """The jobs that clean up after a deleted user: one now, and one later for the user's last changes."""
    keys, memberships = list(user.body.get("keys", ())), list(user.body.get("memberships", ()))
    return [
        background_jobs.create_write(
            user.org, CLEANUP_JOB, user.id, wait_seconds=seconds, keys=keys, memberships=memberships
        )
        for seconds in (0, SECOND_CLEANUP_AFTER_S)
    ]


def _admin_count_writes(old: Document | None, new: Document | None) -> list[Write]:
    """The write that counts an org's admins, so that the last two cannot be deleted at the same time."""
    was, now = _admin_org(old), _admin_org(new)
    if was == now:
        return []
    if now is not None:
        return [storage.add_admin_write(now)]
    if was is not None and storage.count_admins(was) <= 1:
        raise Conflict("The last admin of an organization stays one: make somebody else admin first")
    return [storage.remove_admin_write(was)] if was is not None else []


def _admin_org(user: Document | None) -> str | None:
    """The org of an active admin; None for any other user."""
    is_admin = user is not None and user.body["role"] == ADMIN and user.body["status"] == ACTIVE
    return user.org if user is not None and is_admin else None


def _email_key(user: Document) -> str:
    return email_addresses.stored_key(user.body["email"])

"""The caller's own account, and for admins the users of the organization (coordinaitor.md, "User Endpoints")."""

from typing import Annotated, Any

from pydantic import StringConstraints

from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import ROLE_PERMISSIONS, Role
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.apis.projects.users.schemas import InvitedOut, MeChange, MeOut, PasswordIn, UserChange, UserIn, UserOut
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, CamelSchema, Created, Paged, Request, Routes
from chalicelib.engine.accounts import user_stats, users

routes = Routes("/api/v1/users", tag="Users")

Search = Annotated[str, StringConstraints(min_length=1, max_length=100)]


@routes.get()
def list_users(
    request: Request,
    caller: Caller,
    page: PageNumber = 1,
    limit: PageSize = 20,
    role: Role | None = None,
    search: Search | None = None,
) -> Paged[UserOut]:
    """List the users of the organization, newest first. `search` is a part of the name or the email address."""
    matching = [user for user in users.list_users(caller.org) if _matches(user, role, search)]
    return slice_page(request, [UserOut.from_document(user) for user in matching], page=page, limit=limit)


def _matches(user: Document, role: Role | None, search: str | None) -> bool:
    text = f"{user.body['name']}\n{user.body['email']}".casefold()
    return role in (None, user.body["role"]) and (search or "").casefold() in text


@routes.post(status=201, errors=[409])
def create_user(caller: Caller, body: UserIn) -> Created[InvitedOut]:
    """Invite a user. With the `invitationToken` the user sets a password and becomes active.

    An API key or an application cannot give a role with permissions that it does not have.
    """
    access.require_all(caller, ROLE_PERMISSIONS[body.role])
    return _invitation_out(users.invite(caller.org, body.profile, caller.subject))


@routes.get("/me", errors=[404])
def get_me(caller: Caller) -> MeOut:
    """Get your own account."""
    return _me_out(users.get(caller.org, caller.subject))


@routes.put("/me", errors=[404])
def update_me(caller: Caller, body: MeChange) -> MeOut:
    """Change your name and preferences. Fields that are not sent stay as they are."""
    return _me_out(users.update(caller.org, caller.subject, body.model_dump(exclude_unset=True)))


def _me_out(user: Document) -> MeOut:
    return MeOut.with_stats(user, user_stats.compute_stats(user))


class PasswordChanged(CamelSchema):
    """The password is changed."""

    changed: bool = True


@routes.put("/me/password", errors=[404])
def change_my_password(request: Request, caller: Caller, body: PasswordIn) -> PasswordChanged:
    """Change your password. All other sessions end; API keys stay valid."""
    user = users.get(caller.org, caller.subject)
    session = access.session_of(caller)
    users.change_password(user, body.current_password, body.new_password, request.source, session)
    return PasswordChanged()


@routes.get("/{userId}")
def get_user(caller: Caller, user_id: Identifier) -> UserOut:
    """Get a user."""
    return UserOut.from_document(users.get(caller.org, user_id))


@routes.put("/{userId}", errors=[409])
def update_user(caller: Caller, user_id: Identifier, body: UserChange) -> UserOut:
    """Change the name, role or plan of a user. Open sessions follow within 30 seconds. The last admin must stay one."""
    fields: dict[str, Any] = body.model_dump(exclude_unset=True)
    if "role" in fields:
        access.require_all(caller, ROLE_PERMISSIONS[body.role])
    return UserOut.from_document(users.change(caller.org, user_id, fields, caller.subject))


@routes.delete("/{userId}", errors=[409])
def delete_user(caller: Caller, user_id: Identifier) -> Deleted:
    """Delete a user. Sessions, API keys and memberships end; tasks that the user works on are pending again."""
    users.delete(caller.org, user_id, caller.subject)
    return Deleted(id=user_id)


@routes.post("/{userId}/invitation", status=201, errors=[409])
def invite_again(caller: Caller, user_id: Identifier) -> Created[InvitedOut]:
    """Replace the invitation of a user who has not accepted. The old invitation becomes invalid."""
    role: Role = users.get(caller.org, user_id).body["role"]
    access.require_all(caller, ROLE_PERMISSIONS[role])
    return _invitation_out(users.renew_invitation(caller.org, user_id))


def _invitation_out(invited: users.Invitation) -> Created[InvitedOut]:
    shown = InvitedOut.from_document(invited.user, invitation_token=invited.token)
    return Created(shown, location=f"{routes.prefix}/{invited.user.id}")

"""Users: oneself, and for admins those of the organization (coordinaitor.md, "User Endpoints")."""

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
    """List the organization's users, newest first; `search` looks into names and email addresses."""
    found = [user for user in users.list_users(caller.org) if _is_wanted(user, role, search)]
    return slice_page(request, [UserOut.of(user) for user in found], page=page, limit=limit)


def _is_wanted(user: Document, role: Role | None, search: str | None) -> bool:
    said = f"{user.body['name']}\n{user.body['email']}".casefold()
    return role in (None, user.body["role"]) and (search or "").casefold() in said


@routes.post(status=201, errors=[409])
def create_user(caller: Caller, body: UserIn) -> Created[InvitedOut]:
    """Invite somebody. Whoever is given the `invitationToken` sets a password with it, and is a user from then on.

    An API key or an application gives no role that may more than it may itself.
    """
    access.require_all(caller, ROLE_PERMISSIONS[body.role])
    return _invited(users.invite(caller.org, body.profile, caller.subject))


@routes.get("/me", errors=[404])
def get_me(caller: Caller) -> MeOut:
    """Your own account."""
    return _me(users.get(caller.org, caller.subject))


@routes.put("/me", errors=[404])
def update_me(caller: Caller, body: MeChange) -> MeOut:
    """Change your name and preferences; what is not sent stays as it is."""
    return _me(users.update(caller.org, caller.subject, body.model_dump(exclude_unset=True)))


def _me(user: Document) -> MeOut:
    return MeOut.with_stats(user, user_stats.compute_stats(user))


class PasswordChanged(CamelSchema):
    """That it is another."""

    changed: bool = True


@routes.put("/me/password", errors=[404])
def change_my_password(request: Request, caller: Caller, body: PasswordIn) -> PasswordChanged:
    """Change your password. Every session ends but the one that you do it in; API keys stay."""
    user = users.get(caller.org, caller.subject)
    session = access.session_of(caller)
    users.change_password(user, body.current_password, body.new_password, request.source, session)
    return PasswordChanged()


@routes.get("/{userId}")
def get_user(caller: Caller, user_id: Identifier) -> UserOut:
    """One user."""
    return UserOut.of(users.get(caller.org, user_id))


@routes.put("/{userId}", errors=[409])
def update_user(caller: Caller, user_id: Identifier, body: UserChange) -> UserOut:
    """Change a user's name, role or plan, within half a minute for open sessions, too. The last admin stays one."""
    said: dict[str, Any] = body.model_dump(exclude_unset=True)
    if "role" in said:
        access.require_all(caller, ROLE_PERMISSIONS[body.role])
    return UserOut.of(users.change(caller.org, user_id, said, caller.subject))


@routes.delete("/{userId}", errors=[409])
def delete_user(caller: Caller, user_id: Identifier) -> Deleted:
    """Delete a user. Sessions and API keys end, tasks that they had begun are pending again, and memberships go."""
    users.delete(caller.org, user_id, caller.subject)
    return Deleted(id=user_id)


@routes.post("/{userId}/invitation", status=201, errors=[409])
def invite_again(caller: Caller, user_id: Identifier) -> Created[InvitedOut]:
    """Invite somebody anew who has not accepted; the invitation before is good for nothing any more."""
    role: Role = users.get(caller.org, user_id).body["role"]
    access.require_all(caller, ROLE_PERMISSIONS[role])
    return _invited(users.renew_invitation(caller.org, user_id))


def _invited(invited: users.Invitation) -> Created[InvitedOut]:
    shown = InvitedOut.of(invited.user, invitation_token=invited.token)
    return Created(shown, location=f"{routes.prefix}/{invited.user.id}")

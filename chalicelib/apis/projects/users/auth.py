"""Sign-in, refresh, sign-out, and acceptance of an invitation (coordinaitor.md, "Authentication Endpoints").

Responses of the paths without a version have no envelope, as in the examples of the document.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.apis.projects import access
from chalicelib.apis.projects.users.schemas import MAX_EMAIL_LENGTH, Name, Password
from chalicelib.domain.document import Document
from chalicelib.edge import SECRET, Bare, CamelSchema, Request, Routes
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.sessions import Tokens

routes = Routes("/api/v1/auth", tag="Authentication", public=True)
unversioned = Routes("/api/auth", tag="Authentication", public=True)

Token = Annotated[str, SECRET, StringConstraints(min_length=1, max_length=4096)]


class LoginIn(CamelSchema):
    """The credentials of a user."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=MAX_EMAIL_LENGTH)] = Field(
        examples=["user@example.com"]
    )
    password: Annotated[str, SECRET, StringConstraints(min_length=1, max_length=1024)] = Field(examples=["password123"])


class RefreshIn(CamelSchema):
    """The refresh token of a session."""

    refresh_token: Token


class AcceptanceIn(CamelSchema):
    """The acceptance of an invitation."""

    token: Token = Field(description="The invitationToken from the response to the admin.")
    password: Password
    name: Name | None = Field(default=None, description="Replaces the name from the invitation.")


class RefreshedOut(CamelSchema):
    """New tokens. The refresh token can be used once."""

    access_token: str
    refresh_token: str
    expires_in: int = Field(description="Seconds for which the access token is valid.")


class UserBrieflyOut(CamelSchema):
    """The user who signed in."""

    id: str
    email: str
    name: str


class UserInOrgOut(UserBrieflyOut):
    """The user who signed in, with the organization."""

    organization_id: str


class SignedInBareOut(RefreshedOut):
    """A session and its user."""

    user: UserBrieflyOut


class SignedInOut(RefreshedOut):
    """A session and its user."""

    user: UserInOrgOut


def _user_fields(user: Document) -> dict[str, str]:
    return {"id": user.id, "email": user.body["email"], "name": user.body["name"], "organization_id": user.org}


def _signed_in(user: Document) -> SignedInOut:
    return SignedInOut(**_token_fields(sessions.open_session(user)), user=UserInOrgOut(**_user_fields(user)))


def _token_fields(tokens: Tokens) -> dict[str, object]:
    return {name: value for name, value in tokens._asdict().items() if name != "scope"}


@routes.post("/login", errors=[401, 429, 503])
def login(request: Request, body: LoginIn) -> SignedInOut:
    """Sign in with email and password.

    After five failed attempts in a row, each further one locks the account for 1, 2, 4 ... seconds, up to 15 minutes.
    Attempts from other addresses do not lock an address from which the user has signed in before.
    """
    return _signed_in(users.sign_in(body.email, body.password, request.source))


@unversioned.post("/login", errors=[401, 429, 503])
def login_unversioned(request: Request, body: LoginIn) -> Bare[SignedInBareOut]:
    """Sign in with email and password. The response has no envelope."""
    user = users.sign_in(body.email, body.password, request.source)
    return Bare(
        SignedInBareOut(**_token_fields(sessions.open_session(user)), user=UserBrieflyOut(**_user_fields(user)))
    )


@routes.post("/refresh", errors=[401, 503])
def refresh(body: RefreshIn) -> RefreshedOut:
    """Get new tokens for a refresh token, which can be used once.

    Sent again within ten seconds it gives the same refresh token; later it ends the session.
    """
    return RefreshedOut(**_token_fields(sessions.refresh(body.refresh_token)))


@unversioned.post("/refresh", errors=[401, 503])
def refresh_unversioned(body: RefreshIn) -> Bare[RefreshedOut]:
    """Get new tokens for a refresh token, which can be used once. The response has no envelope."""
    return Bare(refresh(body))


class LoggedOut(CamelSchema):
    """The session has ended."""

    logged_out: bool = True


@routes.post("/logout", errors=[401, 403, 503])
def logout(request: Request, body: RefreshIn) -> LoggedOut:
    """End a session by its current refresh token or an older one.

    A Bearer token is not required; if one is sent, it must belong to the same user.
    """
    sessions.end_by_token(body.refresh_token, access.optional_caller(request))
    return LoggedOut()


@routes.post("/accept-invitation", errors=[401, 503])
def accept_invitation(body: AcceptanceIn) -> SignedInOut:
    """Accept an invitation: set a password and sign in."""
    return _signed_in(users.accept_invitation(body.token, body.password, body.name))

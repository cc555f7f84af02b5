"""Signing in, staying signed in, and accepting an invitation (coordinaitor.md, "Authentication Endpoints").

The paths without a version answer without the envelope, as the document's own examples do.
"""

from typing import Annotated

from pydantic import Field, StringConstraints

from chalicelib.apis.projects import access
from chalicelib.apis.projects.users.schemas import LONGEST_EMAIL, Name, Password
from chalicelib.domain.document import Document
from chalicelib.edge import SECRET, Bare, CamelSchema, Request, Routes
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.sessions import Tokens

routes = Routes("/api/v1/auth", tag="Authentication", public=True)
unversioned = Routes("/api/auth", tag="Authentication", public=True)

Token = Annotated[str, SECRET, StringConstraints(min_length=1, max_length=4096)]


class LoginIn(CamelSchema):
    """Whoever signs in."""

    email: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_EMAIL)] = Field(
        examples=["user@example.com"]
    )
    password: Annotated[str, SECRET, StringConstraints(min_length=1, max_length=1024)] = Field(examples=["password123"])


class RefreshIn(CamelSchema):
    """A session, by the refresh token that is good."""

    refresh_token: Token


class AcceptanceIn(CamelSchema):
    """What an invited user says."""

    token: Token = Field(description="The invitationToken that the admin was given.")
    password: Password
    name: Name | None = Field(default=None, description="Instead of the name that the admin gave.")


class RefreshedOut(CamelSchema):
    """New tokens. The refresh token is good once: it is used up by the next refresh."""

    access_token: str
    refresh_token: str
    expires_in: int = Field(description="Seconds that the access token is good for.")


class UserBrieflyOut(CamelSchema):
    """Who signed in."""

    id: str
    email: str
    name: str


class UserInOrgOut(UserBrieflyOut):
    """Who signed in, and to which organization."""

    organization_id: str


class SignedInBareOut(RefreshedOut):
    """A session, and whose it is."""

    user: UserBrieflyOut


class SignedInOut(RefreshedOut):
    """A session, and whose it is."""

    user: UserInOrgOut


def _person(user: Document) -> dict[str, str]:
    return {"id": user.id, "email": user.body["email"], "name": user.body["name"], "organization_id": user.org}


def _signed_in(user: Document) -> SignedInOut:
    return SignedInOut(**_said(sessions.open_session(user)), user=UserInOrgOut(**_person(user)))


def _said(tokens: Tokens) -> dict[str, object]:
    return {name: value for name, value in tokens._asdict().items() if name != "scope"}


@routes.post("/login", errors=[401, 429, 503])
def login(request: Request, body: LoginIn) -> SignedInOut:
    """Sign in with email and password.

    After five tries in a row that do not work, each further one locks the account for a second, then two, four, up to
    15 minutes. An address from which somebody has signed in before is not locked by what others try.
    """
    return _signed_in(users.sign_in(body.email, body.password, request.source))


@unversioned.post("/login", errors=[401, 429, 503])
def login_unversioned(request: Request, body: LoginIn) -> Bare[SignedInBareOut]:
    """Sign in with email and password; answered without the envelope."""
    user = users.sign_in(body.email, body.password, request.source)
    return Bare(SignedInBareOut(**_said(sessions.open_session(user)), user=UserBrieflyOut(**_person(user))))


@routes.post("/refresh", errors=[401, 503])
def refresh(body: RefreshIn) -> RefreshedOut:
    """Get new tokens for a refresh token, which is used up.

    Sent again within ten seconds it gives the same refresh token again; later, it ends the session.
    """
    return RefreshedOut(**_said(sessions.refresh(body.refresh_token)))


@unversioned.post("/refresh", errors=[401, 503])
def refresh_unversioned(body: RefreshIn) -> Bare[RefreshedOut]:
    """Get new tokens for a refresh token, which is used up; answered without the envelope."""
    return Bare(refresh(body))


class LoggedOut(CamelSchema):
    """That the session is over."""

    logged_out: bool = True


@routes.post("/logout", errors=[401, 403, 503])
def logout(request: Request, body: RefreshIn) -> LoggedOut:
    """End a session, by its latest refresh token or an older one.

    A Bearer token is not needed; one that is sent must be the same user's.
    """
    sessions.end_by_token(body.refresh_token, access.optional_caller(request))
    return LoggedOut()


@routes.post("/accept-invitation", errors=[401, 503])
def accept_invitation(body: AcceptanceIn) -> SignedInOut:
    """Accept an invitation: set a password, and be signed in."""
    return _signed_in(users.accept_invitation(body.token, body.password, body.name))

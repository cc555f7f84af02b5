"""Sign-in with GitHub, the end of a session, and the caller (glad-labs.md, "Authentication")."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.studio import access
from chalicelib.domain.document import Document
from chalicelib.edge import SECRET, Caller, Request, Routes, Schema
from chalicelib.engine.accounts import avatars, github_sign_in, sessions, users

routes = Routes("/api/auth", tag="Authentication")

NO_SESSION = "This token belongs to no session: it is valid until it expires"

Code = Annotated[str, SECRET, StringConstraints(min_length=1, max_length=255, pattern=r"^[\w.-]+$")]


class CodeIn(Schema):
    """The code that GitHub has sent to the callback URL of the web page."""

    code: Code


class UserOut(Schema):
    """A caller. The user of a token without an account has nothing but an id."""

    user_id: str
    email: str | None
    name: str | None
    avatar_url: str | None = Field(description="A picture that was uploaded here is there for five minutes.")

    @classmethod
    def from_user(cls, user: Document) -> Self:
        email, name = user.body["email"], user.body["name"]
        return cls(user_id=user.id, email=email, name=name, avatar_url=avatars.find_url(user))


class SignedInOut(Schema):
    """A session and its user."""

    access_token: str
    expires_in: int = Field(description="Seconds for which the token is valid. Then its user signs in again.")
    user: UserOut


class LoggedOut(Schema):
    """What has become of the session."""

    message: str = Field(examples=["Logged out successfully"])


@routes.post("/github/callback", public=True, errors=[401, 403, 429, 503, 504])
def sign_in_with_github(request: Request, body: CodeIn) -> SignedInOut:
    """Sign in with the code that GitHub has sent. It can be used once."""
    signed_in = github_sign_in.sign_in(body.code, request.source)
    tokens, user = signed_in.tokens, UserOut.from_user(signed_in.user)
    return SignedInOut(access_token=tokens.access_token, expires_in=tokens.expires_in, user=user)


@routes.post("/logout")
def log_out(caller: Caller) -> LoggedOut:
    """End the session of the token. A token without a session stays valid, and the message says so."""
    session = access.session_of(caller)
    if session is None:
        return LoggedOut(message=NO_SESSION)
    sessions.end(session)
    return LoggedOut(message="Logged out successfully")


@routes.get("/me")
def get_me(caller: Caller) -> UserOut:
    """Show the caller."""
    user = users.find(caller.org, caller.subject)
    if user is None:
        return UserOut(user_id=caller.subject, email=None, name=None, avatar_url=None)
    return UserOut.from_user(user)

"""OAuth 2 (coordinaitor.md, "OAuth 2.0"): applications ask for a user's consent, and get tokens for it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from pydantic import Field

from chalicelib.apis.projects import access
from chalicelib.apis.projects.oauth import pages
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.users.schemas import MAX_EMAIL_LENGTH
from chalicelib.config import settings
from chalicelib.edge import SECRET, Bare, Cookie, FormSchema, Header, Html, Redirect, Request, Routes, Schema
from chalicelib.engine.oauth import authorization as oauth
from chalicelib.engine.oauth import browser_sessions
from chalicelib.engine.oauth.browser_sessions import BrowserSession
from chalicelib.engine.oauth.types import Question
from chalicelib.engine.security.passwords import MAX_LENGTH
from chalicelib.errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnsupportedMediaType,
    YardmasterError,
)

routes = Routes("", tag="OAuth", public=True)

COOKIE = "visit"  # the name in deployed browsers
EXPIRED_FORM = Forbidden("That took too long, or your browser does not store cookies. Please sign in again.")
Text = str | None
"""Not validated here: errors have the form that OAuth defines, not that of this API."""


Hidden = Annotated[Text, SECRET]


class LoginForm(FormSchema):
    """The form of the sign-in page: `request` is the application's request, `word` the page's CSRF token."""

    request: str = ""
    word: Annotated[str, SECRET] = ""
    email: str = Field(default="", max_length=MAX_EMAIL_LENGTH)
    password: Annotated[str, SECRET] = Field(default="", max_length=MAX_LENGTH)


class DecisionIn(FormSchema):
    """The form of the consent page. Any decision other than approve and switch is a denial."""

    request: str = ""
    word: Annotated[str, SECRET] = ""
    decision: str = Field(default="deny", examples=["approve", "deny", "switch"])


class TokenIn(FormSchema):
    """An application's request for tokens (RFC 6749, sections 4.1.3 and 6)."""

    grant_type: Text = Field(default=None, examples=["authorization_code", "refresh_token"])
    code: Hidden = None
    redirect_uri: Text = Field(default=None, description="As in the authorization request, if it had one.")
    code_verifier: Hidden = Field(default=None, description="The text that the code_challenge was computed from.")
    refresh_token: Hidden = None
    scope: Text = Field(default=None, description="For a refresh token: fewer permissions than were granted.")
    client_id: Text = None
    client_secret: Hidden = Field(
        default=None, description="Alternatively id and secret in the Authorization header, as Basic."
    )


class TokenOut(Schema):
    """Tokens (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    scope: str


class TokenError(Schema):
    """An error of the token endpoint (RFC 6749, section 5.2)."""

    error: str = Field(examples=["invalid_grant"])
    error_description: str | None = None


class MetadataOut(Schema):
    """The metadata of this authorization server (RFC 8414)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    scopes_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool


@routes.get("/oauth/authorize", answers={400: Html})
def authorize(
    request: Request,
    client_id: Text = None,
    response_type: Text = None,
    redirect_uri: Text = None,
    scope: Text = None,
    state: Text = None,
    code_challenge: Text = None,
    code_challenge_method: Text = None,
) -> Html | Redirect:
    """Ask a user for consent.

    A user who is not signed in, in the browser or by a Bearer token, signs in first. A user who approved the same
    permissions before is not asked again. `response_type` is `code`. `scope` has permissions, by default all that the
    application can ask for. A public application sends a `code_challenge` with the method S256.
    """
    parameters = {
        "client_id": client_id,
        "response_type": response_type,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": code_challenge_method,
    }
    return _next_step(request, {name: text for name, text in parameters.items() if text is not None})


@routes.post("/oauth/login", answers={400: Html, 403: Html, 429: Html})
def sign_in(request: Request, body: LoginForm) -> Html | Redirect:
    """Sign in from the sign-in page, and continue to the consent page."""
    parameters = dict(parse_qsl(body.request))
    question = _read_question(request, parameters)
    if not isinstance(question, Question):
        return question
    session = browser_sessions.read_cookie(request.cookies.get(COOKIE, ""))
    if session is None or not session.repeated(body.word):
        return _login_page(question, parameters, browser_sessions.new_session(), error=EXPIRED_FORM)
    signed_in = browser_sessions.sign_in(question.client.org, body.email, body.password, request.source)
    if not isinstance(signed_in, BrowserSession):
        return _login_page(question, parameters, session, error=signed_in, email=body.email)
    return Redirect(f"authorize?{urlencode(parameters)}", cookies=[_cookie(signed_in)])


@routes.post("/oauth/authorize", answers={400: Html, 403: Html})
def decide(request: Request, body: DecisionIn) -> Html | Redirect:
    """Approve or deny from the consent page. The answer is sent to the application."""
    parameters = dict(parse_qsl(body.request))
    question = _read_question(request, parameters)
    if not isinstance(question, Question):
        return question
    session = browser_sessions.read_cookie(request.cookies.get(COOKIE, ""))
    user = browser_sessions.find_user(session, question.client.org) if session is not None else None
    if session is None or user is None or not session.repeated(body.word):
        return _login_page(question, parameters, browser_sessions.new_session(), error=EXPIRED_FORM)
    if body.decision == "switch":
        return Redirect(f"authorize?{urlencode(parameters)}", cookies=[_cookie(browser_sessions.new_session())])
    return Redirect(oauth.approve(user, question) if body.decision == "approve" else question.answer(None))


def _render_error(error: YardmasterError) -> tuple[int, TokenError]:
    """An error from before the token endpoint, in OAuth's form (RFC 6749, section 5.2)."""
    description = _UNQUOTABLE.sub("'", error.message)
    if isinstance(error, InvalidRequest | TooLarge | UnsupportedMediaType):
        return 400, TokenError(error="invalid_request", error_description=description)
    code = "temporarily_unavailable" if isinstance(error, Unavailable | TooManyRequests) else "server_error"
    return error.status, TokenError(error=code, error_description=description)


_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")
"""Characters that an error_description cannot have."""


@routes.post("/oauth/token", answers=dict.fromkeys((400, 401, 429, 500, 503), TokenError), render_error=_render_error)
def give_tokens(
    request: Request, body: TokenIn, authorization: Annotated[Text, Header("Authorization")] = None
) -> Bare[TokenOut]:
    """Exchange a code or a refresh token for tokens.

    After 20 failed authentications of an application from one address, the address is refused for a minute.
    """
    response = oauth.exchange(body.model_dump(exclude_none=True), authorization, request.source)
    value: Any = (TokenOut if response.status == 200 else TokenError)(**response.body)
    return Bare(value, response.status, response.headers)


@routes.get("/.well-known/oauth-authorization-server")
def get_oauth_metadata(request: Request) -> Bare[MetadataOut]:
    """Get the metadata of this authorization server."""
    return Bare(MetadataOut(**oauth.metadata(_issuer(request), get_args(Permission))))


@routes.get("/oauth/done", errors=[404])
def show_answer(request: Request) -> Html:
    """Show the parameters that an application would get: a stand-in for one on the local stage."""
    if not settings().local:
        raise NotFound("Path", request.path)
    return pages.done_page(request.query)


def _next_step(request: Request, parameters: Mapping[str, str]) -> Html | Redirect:
    """The next step of the user: the sign-in page, the consent page, or the redirect to the application."""
    question = _read_question(request, parameters)
    if not isinstance(question, Question):
        return question
    session = _browser_session(request, question.client.org)
    user = browser_sessions.find_user(session, question.client.org)
    if user is None:
        return _login_page(question, parameters, session)
    if oauth.has_consented(user, question):
        return Redirect(question.answer(user.id))
    return pages.consent_page(question, urlencode(parameters), session.word, _cookie(session), user.body["name"])


def _read_question(request: Request, parameters: Mapping[str, str]) -> Question | Html | Redirect:
    """The checked request, or the response that refuses it."""
    if request.repeated:
        return pages.refusal_page(f"The link names {min(request.repeated)} more than once.")
    checked = oauth.read_question(parameters, _issuer(request))
    if isinstance(checked, Question):
        return checked
    return pages.refusal_page(checked.message) if checked.location is None else Redirect(checked.location)


def _issuer(request: Request) -> str:
    return settings().api_urls.get(access.NAME) or f"https://{request.headers.get('host', '')}"


def _browser_session(request: Request, org: str) -> BrowserSession:
    """The browser's session; a caller with a credential of its own gets a new one.

    A credential with a scope does not count: it could otherwise give itself more permissions by a consent.
    """
    with suppress(Unauthenticated):
        caller = access.authenticate(request)
        if caller.org == org and not access.is_limited(caller):
            return browser_sessions.new_session(browser_sessions.find_active_user(org, caller.subject))
    return browser_sessions.read_cookie(request.cookies.get(COOKIE, "")) or browser_sessions.new_session()


def _login_page(question: Question, parameters: Mapping[str, str], session: BrowserSession, **more: Any) -> Html:
    return pages.login_page(question, urlencode(parameters), session.word, _cookie(session), **more)


def _cookie(session: BrowserSession) -> Cookie:
    return Cookie(
        name=COOKIE,
        value=browser_sessions.sign_cookie(session),
        path="/oauth",
        max_age=browser_sessions.TTL_S,
        secure=not settings().local,
    )

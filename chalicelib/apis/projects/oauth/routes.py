"""OAuth 2 (coordinaitor.md, "OAuth 2.0"): applications ask for a user's leave, and get tokens for it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from pydantic import Field

from chalicelib.apis.projects import access
from chalicelib.apis.projects.oauth import pages
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.users.schemas import LONGEST_EMAIL
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

COOKIE = "visit"
OUTDATED = Forbidden("That took too long, or your browser keeps no cookies. Please sign in again.")
Text = str | None
"""Anything: what is wrong with it is said in OAuth's own way, not in this API's."""


Hidden = Annotated[Text, SECRET]


class LoginIn(FormSchema):
    """What the sign-in page sends: `request` is the application's, `word` the page's own."""

    request: str = ""
    word: Annotated[str, SECRET] = ""
    email: str = Field(default="", max_length=LONGEST_EMAIL)
    password: Annotated[str, SECRET] = Field(default="", max_length=MAX_LENGTH)


class DecisionIn(FormSchema):
    """What the consent page sends. Any decision that is not one of the two others is a no."""

    request: str = ""
    word: Annotated[str, SECRET] = ""
    decision: str = Field(default="deny", examples=["approve", "deny", "switch"])


class TokenIn(FormSchema):
    """What an application sends for tokens (RFC 6749, sections 4.1.3 and 6)."""

    grant_type: Text = Field(default=None, examples=["authorization_code", "refresh_token"])
    code: Hidden = None
    redirect_uri: Text = Field(default=None, description="As in the request for leave, where it named one.")
    code_verifier: Hidden = Field(default=None, description="What the code_challenge was made of.")
    refresh_token: Hidden = None
    scope: Text = Field(default=None, description="For a refresh token: less than was granted.")
    client_id: Text = None
    client_secret: Hidden = Field(default=None, description="Or both in the Authorization header, as Basic.")


class TokenOut(Schema):
    """Tokens (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str
    scope: str


class TokenError(Schema):
    """Why there are none (RFC 6749, section 5.2)."""

    error: str = Field(examples=["invalid_grant"])
    error_description: str | None = None


class MetadataOut(Schema):
    """What applications may know of this server beforehand (RFC 8414)."""

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
    """Ask a user for leave.

    Who is not signed in, by a visit or as Bearer, signs in first. Who said yes to the same before is not asked again.
    `response_type` is `code`; `scope` is permissions, all that the application may ask for where it is left out; a
    public application sends a `code_challenge`, whose method is S256.
    """
    asked = {
        "client_id": client_id,
        "response_type": response_type,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": code_challenge_method,
    }
    return _next(request, {name: text for name, text in asked.items() if text is not None})


@routes.post("/oauth/login", answers={400: Html, 403: Html, 429: Html})
def sign_in(request: Request, body: LoginIn) -> Html | Redirect:
    """Sign in, from the sign-in page, and go on to the consent page."""
    asked = dict(parse_qsl(body.request))
    question = _question(request, asked)
    if not isinstance(question, Question):
        return question
    visit = browser_sessions.read_cookie(request.cookies.get(COOKIE, ""))
    if visit is None or not visit.repeated(body.word):
        return _login(question, asked, browser_sessions.new_session(), wrong=OUTDATED)
    found = browser_sessions.sign_in(question.client.org, body.email, body.password, request.source)
    if not isinstance(found, BrowserSession):
        return _login(question, asked, visit, wrong=found, email=body.email)
    return Redirect(f"authorize?{urlencode(asked)}", cookies=[_cookie(found)])


@routes.post("/oauth/authorize", answers={400: Html, 403: Html})
def decide(request: Request, body: DecisionIn) -> Html | Redirect:
    """Say yes or no, from the consent page; the answer goes to the application."""
    asked = dict(parse_qsl(body.request))
    question = _question(request, asked)
    if not isinstance(question, Question):
        return question
    visit = browser_sessions.read_cookie(request.cookies.get(COOKIE, ""))
    user = browser_sessions.find_user(visit, question.client.org) if visit is not None else None
    if visit is None or user is None or not visit.repeated(body.word):
        return _login(question, asked, browser_sessions.new_session(), wrong=OUTDATED)
    if body.decision == "switch":
        return Redirect(f"authorize?{urlencode(asked)}", cookies=[_cookie(browser_sessions.new_session())])
    return Redirect(oauth.approve(user, question) if body.decision == "approve" else question.answer(None))


def _refused(error: YardmasterError) -> tuple[int, TokenError]:
    """An error before the request was understood, as applications read it (RFC 6749, section 5.2)."""
    description = _UNQUOTABLE.sub("'", error.message)
    if isinstance(error, InvalidRequest | TooLarge | UnsupportedMediaType):
        return 400, TokenError(error="invalid_request", error_description=description)
    code = "temporarily_unavailable" if isinstance(error, Unavailable | TooManyRequests) else "server_error"
    return error.status, TokenError(error=code, error_description=description)


_UNQUOTABLE = re.compile(r"[^ !#-\[\]-~]")
"""What an error_description may not hold."""


@routes.post("/oauth/token", answers=dict.fromkeys((400, 401, 429, 500, 503), TokenError), render_error=_refused)
def give_tokens(
    request: Request, body: TokenIn, authorization: Annotated[Text, Header("Authorization")] = None
) -> Bare[TokenOut]:
    """Exchange a code, or a refresh token, for tokens.

    An application that proves itself wrongly twenty times from one address is refused there for a minute.
    """
    answer = oauth.exchange(body.model_dump(exclude_none=True), authorization, request.source)
    value: Any = (TokenOut if answer.status == 200 else TokenError)(**answer.body)
    return Bare(value, answer.status, answer.headers)


@routes.get("/.well-known/oauth-authorization-server")
def get_oauth_metadata(request: Request) -> Bare[MetadataOut]:
    """What applications may know of this server beforehand."""
    return Bare(MetadataOut(**oauth.metadata(_issuer(request), get_args(Permission))))


@routes.get("/oauth/done", errors=[404])
def show_answer(request: Request) -> Html:
    """Show what an application would get: the local stage's stand-in for one."""
    if not settings().local:
        raise NotFound("Path", request.path)
    return pages.done(request.query)


def _next(request: Request, asked: Mapping[str, str]) -> Html | Redirect:
    """What comes next for the user: to sign in, to decide, or nothing more."""
    question = _question(request, asked)
    if not isinstance(question, Question):
        return question
    visit = _visit(request, question.client.org)
    user = browser_sessions.find_user(visit, question.client.org)
    if user is None:
        return _login(question, asked, visit)
    if oauth.has_consented(user, question):
        return Redirect(question.answer(user.id))
    return pages.consent(question, urlencode(asked), visit.word, _cookie(visit), user.body["name"])


def _question(request: Request, asked: Mapping[str, str]) -> Question | Html | Redirect:
    """What is asked; or, where nobody is to be asked that, the answer to it."""
    if request.repeated:
        return pages.refusal(f"The link names {min(request.repeated)} more than once.")
    found = oauth.read_question(asked, _issuer(request))
    if isinstance(found, Question):
        return found
    return pages.refusal(found.message) if found.location is None else Redirect(found.location)


def _issuer(request: Request) -> str:
    return settings().api_urls.get(access.NAME) or f"https://{request.headers.get('host', '')}"


def _visit(request: Request, org: str) -> BrowserSession:
    """The browser's visit; a caller with a session of its own begins one by that.

    A credential of limited scope does not: what it may do must not grow by a consent that it gives itself.
    """
    with suppress(Unauthenticated):
        caller = access.authenticate(request)
        if caller.org == org and not access.is_limited(caller):
            return browser_sessions.new_session(browser_sessions.find_active_user(org, caller.subject))
    return browser_sessions.read_cookie(request.cookies.get(COOKIE, "")) or browser_sessions.new_session()


def _login(question: Question, asked: Mapping[str, str], visit: BrowserSession, **more: Any) -> Html:
    return pages.login(question, urlencode(asked), visit.word, _cookie(visit), **more)


def _cookie(visit: BrowserSession) -> Cookie:
    return Cookie(
        name=COOKIE,
        value=browser_sessions.sign_cookie(visit),
        path="/oauth",
        max_age=browser_sessions.TTL_S,
        secure=not settings().local,
    )

"""GitHub: who has allowed an OAuth app to know them, by the code that GitHub has sent to its callback URL.

docs.github.com: "Authorizing OAuth apps" (web application flow), "Troubleshooting OAuth app access token request
errors", and REST API version 2022-11-28, "Users" and "Emails". No error repeats a code, a token or the app's secret.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode

from chalicelib.errors import Forbidden, TimedOut, Unauthenticated, Unavailable
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Response, Unreachable

TOKEN_URL = "https://github.com/login/oauth/access_token"  # noqa: S105 - a URL
API_URL = "https://api.github.com"
TIMEOUT_SECONDS = 8.0
"""Of each of the three requests; API Gateway waits 29 seconds."""
MAX_RESPONSE_BYTES = 200_000
MAX_URL_LENGTH = 2_000
_HEADERS = {"accept": "application/json", "user-agent": "yardmaster"}
_API_HEADERS = {**_HEADERS, "accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_TOKEN = re.compile(r"[!-~]{1,512}")
_REFUSED_APP = frozenset({"incorrect_client_credentials", "redirect_uri_mismatch", "application_suspended"})


class App(NamedTuple):
    """An OAuth app that is registered with GitHub."""

    client_id: str
    client_secret: str


class Person(NamedTuple):
    """Who has signed in with GitHub, by the verified primary email address."""

    email: str
    avatar_url: str | None


class AppRefused(Exception):
    """GitHub does not know the app, or not with this secret."""


def identify(app: App, code: str) -> Person:
    """Exchange a code for the person who allowed it. Three requests. GitHub takes each code once, within ten minutes.

    Raises Unauthenticated for a code that GitHub refuses, Forbidden where it tells no verified primary email address,
    AppRefused, TimedOut, and Unavailable.
    """
    headers = {"authorization": f"Bearer {_exchange(app, code)}"}
    profile = _read_json(_send("GET", f"{API_URL}/user", headers | _API_HEADERS))
    response = _send("GET", f"{API_URL}/user/emails?per_page=100", headers | _API_HEADERS)
    if response.status in (403, 404) and response.headers.get("x-ratelimit-remaining") != "0":
        raise Forbidden("GitHub does not tell your email address: the sign-in must ask for the scope user:email")
    return Person(_primary_email(_read_json(response)), _avatar_url(profile))


def _exchange(app: App, code: str) -> str:
    """The access token for a code."""
    form = urlencode({**app._asdict(), "code": code}).encode()
    response = _send("POST", TOKEN_URL, {**_HEADERS, "content-type": "application/x-www-form-urlencoded"}, form)
    if response.status == 404:
        raise AppRefused
    answer = _read_json(response)
    match answer:
        case {"access_token": str(token)} if _TOKEN.fullmatch(token):
            return token
        case {"error": "bad_verification_code"}:
            raise Unauthenticated("GitHub refuses the code: it is wrong, expired or was used before. Sign in again")
        case {"error": "unverified_user_email"}:
            raise _no_verified_email()
        case {"error": str(error)} if error in _REFUSED_APP:
            raise AppRefused
    raise _unexpected_answer()


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Response:
    try:
        return outbound.send(
            method, url, headers=headers, body=body, timeout=TIMEOUT_SECONDS, cap_bytes=MAX_RESPONSE_BYTES
        )
    except Unreachable as unreachable:
        if unreachable.reason == "timed out":
            raise TimedOut(f"GitHub did not answer within {TIMEOUT_SECONDS:.0f} seconds: sign in again") from None
        raise Unavailable("GitHub cannot be reached: sign in again shortly") from None


def _read_json(response: Response) -> Any:
    """The JSON of a successful response. Raises Unavailable for any other."""
    if response.status != 200:
        raise _unexpected_answer()
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        raise _unexpected_answer() from None


def _primary_email(emails: Any) -> str:
    """The one address that is primary, if it is verified. Raises Forbidden."""
    for row in emails if isinstance(emails, list) else ():
        match row:
            case {"email": str(email), "primary": True, "verified": True}:
                return email
    raise _no_verified_email()


def _avatar_url(profile: Any) -> str | None:
    match profile:
        case {"avatar_url": str(url)} if url.startswith("https://") and len(url) <= MAX_URL_LENGTH and url.isascii():
            return url
    return None


def _no_verified_email() -> Forbidden:
    return Forbidden("Your GitHub account has no verified primary email address: verify it there, and sign in again")


def _unexpected_answer() -> Unavailable:
    return Unavailable("GitHub does not answer as it should: sign in again shortly")

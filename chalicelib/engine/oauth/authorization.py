"""OAuth 2: an application asks, a user answers, and the application gets tokens (RFC 6749, 7636, 9700).

The judging is authlib's, behind `oauth_server`, which is imported late: no other endpoint waits for it.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple
from urllib.parse import unquote, urlencode

from chalicelib.domain.accounts import redirect_uris
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import users
from chalicelib.engine.documents import documents
from chalicelib.engine.oauth.clients import MOST, Client
from chalicelib.engine.security import guess_limits

LONGEST = 4_000
INVALID_CLIENT = 401
"""The status of an application that did not prove itself."""
_TEXT = re.compile(r"[ !#-\[\]-~]*")
"""What OAuth lets parameters hold, and its error descriptions quote (RFC 6749, appendix A)."""
_STATE = re.compile(r"[ -~]*")


class Declined(NamedTuple):
    """A request that no user is asked about: the browser goes to `location` with the error; where nobody may be sent
    anywhere, the message is shown."""

    message: str
    location: str | None


@dataclass(frozen=True)
class Question:
    """What a user is to decide: whether an application may have these permissions."""

    client: Client
    scopes: tuple[str, ...]
    redirect_uri: str
    answer: Callable[[str | None], str]
    """Where the browser goes with the answer, given the id of the user that says yes, or None for a no."""


class Answer(NamedTuple):
    """The token endpoint's: tokens, or an error by RFC 6749, section 5.2."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]


def question(asked: Mapping[str, str], issuer: str) -> Question | Declined:
    """Judge an application's request. At most two calls.

    Every answer names the issuer, so that an application that knows several servers mixes up none (RFC 9207).
    """
    from chalicelib.engine.oauth import authlib_server

    if (bad := _unfit(asked)) is not None:
        return Declined(f"{bad} holds what OAuth does not allow there.", None)
    # Links that were written by hand often have a plus where an encoder has put a space.
    said = {**asked, "scope": asked["scope"].replace("+", " ")} if "scope" in asked else asked

    def named(location: str) -> str:
        return f"{location}&{urlencode({'iss': issuer})}"

    return authlib_server.question(said, named)


def consented(user: Document, question: Question) -> bool:
    """Whether the user said yes before to all that is asked.

    That does not count for a public application on loopback: anybody on that machine could be it (RFC 8252, 8.6).
    """
    if question.client.public and redirect_uris.is_loopback(question.redirect_uri):
        return False
    given = user.body.get("consents", {}).get(question.client.id, ())
    return set(question.scopes) <= set(given)


def approve(user: Document, question: Question) -> str:
    """The user says yes, which is remembered. Returns where the browser goes with the code. Up to three calls."""

    def decide(found: Document) -> Document:
        if consented(found, question):
            return found
        given = found.body.get("consents", {})
        scopes = sorted({*given.get(question.client.id, ()), *question.scopes})
        latest = {**{key: given[key] for key in given if key != question.client.id}, question.client.id: scopes}
        return replace(found, body={**found.body, "consents": dict(list(latest.items())[-MOST:])})

    documents.change(user.org, users.USER, user.id, decide, by=user.id)
    return question.answer(user.id)


def exchange(form: Mapping[str, str], authorization: str | None, address: str = "") -> Answer:
    """Tokens for a code or a refresh token, for an application that proves itself by its form or by Basic.

    `address` is where the request comes from: after too many wrong secrets of one application from there
    TooManyRequests is raised.
    """
    from chalicelib.engine.oauth import authlib_server

    if (bad := _unfit(form)) is not None:
        return _invalid(f"{bad} holds what OAuth does not allow there.")
    if authorization is not None and "client_secret" in form:
        return _invalid("Prove who you are in one way: by the form or by the Authorization header.")
    if authorization is not None and not _readable(authorization):
        return _invalid("The Authorization header must be Basic, with base64 of the id and the secret.")
    if not form.get("grant_type"):
        return _invalid("Missing 'grant_type'.")
    if form["grant_type"] not in authlib_server.GRANTS:
        return _invalid(f"There are {' and '.join(authlib_server.GRANTS)}.", "unsupported_grant_type")
    guessed = guess_limits.guess_key(f"application#{_client_id(form, authorization)}", address)
    guess_limits.require_not_blocked(guessed)
    answer = authlib_server.exchange(form, authorization)
    if answer.status == INVALID_CLIENT:
        guess_limits.count_guess(guessed)
    return answer


def _client_id(form: Mapping[str, str], authorization: str | None) -> str:
    """Which application it says that it is."""
    if authorization is None:
        return form.get("client_id", "")
    return unquote(base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[0])


def _invalid(description: str, error: str = "invalid_request") -> Answer:
    return Answer(400, {"error": error, "error_description": description}, {})


def _unfit(parameters: Mapping[str, str]) -> str | None:
    """The first parameter with text that OAuth does not allow: authlib breaks on some of it."""
    for name, text in parameters.items():
        allowed = _STATE if name == "state" else _TEXT
        if len(text) > LONGEST or not allowed.fullmatch(text):
            return name
    return None


def _readable(authorization: str) -> bool:
    """Whether it is Basic, of text: authlib breaks on what is not."""
    scheme, _, text = authorization.partition(" ")
    try:
        return scheme.lower() == "basic" and ":" in base64.b64decode(text, validate=True).decode()
    except ValueError:
        return False


def metadata(issuer: str, scopes: Sequence[str]) -> dict[str, Any]:
    """What applications may know of this server beforehand (RFC 8414)."""
    from chalicelib.engine.oauth import authlib_server

    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "scopes_supported": list(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(authlib_server.GRANTS),
        "token_endpoint_auth_methods_supported": list(authlib_server.METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }

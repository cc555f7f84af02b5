"""OAuth 2: an application asks, a user answers, and the application gets tokens (RFC 6749, 7636, 9700).

Authlib judges the requests (authlib_server.py). It is imported by the first of them, so that no other endpoint waits
for it.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlencode

from chalicelib.domain.accounts import redirect_uris
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import users
from chalicelib.engine.documents import documents
from chalicelib.engine.oauth.clients import MAX_CLIENTS
from chalicelib.engine.oauth.types import Answer, Question, Refusal
from chalicelib.engine.security import guess_limits

MAX_PARAMETER_LENGTH = 4_000
INVALID_CLIENT = 401
"""The status of an application that did not prove itself."""
_TEXT = re.compile(r"[ !#-\[\]-~]*")
"""What OAuth lets parameters hold, and its error descriptions quote (RFC 6749, appendix A)."""
_STATE = re.compile(r"[ -~]*")


def read_question(query: Mapping[str, str], issuer: str) -> Question | Refusal:
    """Judge an application's request for authorization. At most two calls.

    Every answer names the issuer, so that an application that uses several servers cannot mix them up (RFC 9207).
    """
    from chalicelib.engine.oauth import authlib_server

    if (bad := _invalid_parameter(query)) is not None:
        return Refusal(f"{bad} holds what OAuth does not allow there.", None)
    # Links written by hand often have a plus sign where a space is meant.
    parameters = {**query, "scope": query["scope"].replace("+", " ")} if "scope" in query else query

    def add_issuer(location: str) -> str:
        return f"{location}&{urlencode({'iss': issuer})}"

    return authlib_server.read_question(parameters, add_issuer)


def has_consented(user: Document, question: Question) -> bool:
    """Whether the user has agreed to all of these permissions before.

    Consent does not count for a public application on loopback: any program on that machine could be it (RFC 8252,
    8.6).
    """
    if question.client.public and redirect_uris.is_loopback(question.redirect_uri):
        return False
    given = user.body.get("consents", {}).get(question.client.id, ())
    return set(question.scopes) <= set(given)


def approve(user: Document, question: Question) -> str:
    """Record the user's consent. Returns where the browser is sent with the code. Up to three calls."""

    def decide(stored: Document) -> Document:
        if has_consented(stored, question):
            return stored
        given = stored.body.get("consents", {})
        scopes = sorted({*given.get(question.client.id, ()), *question.scopes})
        latest = {**{key: given[key] for key in given if key != question.client.id}, question.client.id: scopes}
        return replace(stored, body={**stored.body, "consents": dict(list(latest.items())[-MAX_CLIENTS:])})

    documents.change(user.org, users.USER, user.id, decide, by=user.id)
    return question.answer(user.id)


def exchange(form: Mapping[str, str], authorization: str | None, address: str = "") -> Answer:
    """Issue tokens for a code or a refresh token to an application that authenticates by the form or by Basic.

    `address` is where the request comes from. Raises TooManyRequests after too many wrong secrets of one application
    from there.
    """
    from chalicelib.engine.oauth import authlib_server

    if (bad := _invalid_parameter(form)) is not None:
        return _invalid(f"{bad} holds what OAuth does not allow there.")
    if authorization is not None and "client_secret" in form:
        return _invalid("Prove who you are in one way: by the form or by the Authorization header.")
    if authorization is not None and not _is_basic(authorization):
        return _invalid("The Authorization header must be Basic, with base64 of the id and the secret.")
    if not form.get("grant_type"):
        return _invalid("Missing 'grant_type'.")
    if form["grant_type"] not in authlib_server.GRANTS:
        return _invalid(f"There are {' and '.join(authlib_server.GRANTS)}.", "unsupported_grant_type")
    key = guess_limits.guess_key(f"application#{_client_id(form, authorization)}", address)
    guess_limits.require_not_blocked(key)
    answer = authlib_server.exchange(form, authorization)
    if answer.status == INVALID_CLIENT:
        guess_limits.count_guess(key)
    return answer


def _client_id(form: Mapping[str, str], authorization: str | None) -> str:
    """The id that the application claims."""
    if authorization is None:
        return form.get("client_id", "")
    return unquote(base64.b64decode(authorization.partition(" ")[2]).decode().partition(":")[0])


def _invalid(description: str, error: str = "invalid_request") -> Answer:
    return Answer(400, {"error": error, "error_description": description}, {})


def _invalid_parameter(parameters: Mapping[str, str]) -> str | None:
    """The first parameter with text that OAuth does not allow: authlib fails on some of it."""
    for name, text in parameters.items():
        allowed = _STATE if name == "state" else _TEXT
        if len(text) > MAX_PARAMETER_LENGTH or not allowed.fullmatch(text):
            return name
    return None


def _is_basic(authorization: str) -> bool:
    """Whether it is Basic authorization of text: authlib fails on anything else."""
    scheme, _, text = authorization.partition(" ")
    try:
        return scheme.lower() == "basic" and ":" in base64.b64decode(text, validate=True).decode()
    except ValueError:
        return False


def metadata(issuer: str, scopes: Sequence[str]) -> dict[str, Any]:
    """The metadata of this server, for applications (RFC 8414)."""
    from chalicelib.engine.oauth import authlib_server

    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "scopes_supported": list(scopes),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(authlib_server.GRANTS),
        "token_endpoint_auth_methods_supported": list(authlib_server.CLIENT_METHODS),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }

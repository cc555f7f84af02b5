"""Authorization codes: a user's yes, on its way through the browser to the application (RFC 6749, section 4.1).

A code is good for a minute and once. The session that it opens has an id that follows from the code: so a code that
comes again ends the session that it opened, and nothing has to be kept of used codes for that.
"""

from chalicelib import clock, ids
from chalicelib.engine.accounts import sessions
from chalicelib.engine.accounts.sessions import Tokens
from chalicelib.engine.oauth import browser_sessions
from chalicelib.engine.oauth.clients import Client
from chalicelib.engine.security import encryption
from chalicelib.storage.access import oauth as storage
from chalicelib.storage.access.oauth import Grant
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed

GOOD_SECONDS = 60


class Spent(Exception):
    """The code was redeemed already, has expired, or never was."""


def issue(
    client: Client, user_id: str, scope: str, redirect_uri: str | None, code_challenge: str | None, code: str
) -> None:
    """Keep what `code` stands for. One call."""
    expires_at_s = clock.now() // clock.SECOND + GOOD_SECONDS
    grant = Grant(client.org, client.id, user_id, scope, redirect_uri, code_challenge, expires_at_s)
    dynamodb.commit(storage.create_code_write(encryption.fingerprint(code), grant))


def find(code: str, client: Client) -> Grant:
    """What the application was granted. One call. Raises Spent, having ended what the code has opened before."""
    grant = storage.find_code(encryption.fingerprint(code))
    if grant is None:
        sessions.end(_session_id(code), client.id)
    if grant is None or grant.client_id != client.id:
        raise Spent
    return grant


def redeem(code: str, grant: Grant) -> Tokens:
    """The tokens for a code; it is used up in the same transaction. Raises Spent."""
    user, identifier = browser_sessions.active(grant.org, grant.user_id), _session_id(code)
    if user is None:
        raise Spent
    tokens, opened = sessions.begun(user, id=identifier, client_id=grant.client_id, scope=grant.scope)
    try:
        dynamodb.commit(storage.redeem_code_write(encryption.fingerprint(code)), opened)
    except ConditionFailed:
        sessions.end(identifier, grant.client_id)
        raise Spent from None
    return tokens


def _session_id(code: str) -> str:
    return ids.derived("session", "code", code)

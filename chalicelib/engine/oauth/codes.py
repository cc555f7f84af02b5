"""Authorization codes: they carry a user's consent through the browser to the application (RFC 6749, section 4.1).

A code can be used once, within a minute. The id of the session that it opens is derived from the code. So a code that
is used again ends the session that it opened, and used codes need not be stored for that.
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

CODE_TTL_S = 60


class InvalidCode(Exception):
    """The code was redeemed before, has expired, or never existed."""


def issue(
    client: Client, user_id: str, scope: str, redirect_uri: str | None, code_challenge: str | None, code: str
) -> None:
    """Store the grant of a code. One call."""
    expires_at_s = clock.now() // clock.SECOND + CODE_TTL_S
    grant = Grant(client.org, client.id, user_id, scope, redirect_uri, code_challenge, expires_at_s)
    dynamodb.commit_new(storage.create_code_write(encryption.fingerprint(code), grant))


def find(code: str, client: Client) -> Grant:
    """What the application was granted. One call. Raises Spent, having ended what the code has opened before."""
    grant = storage.find_code(encryption.fingerprint(code))
    if grant is None:
        sessions.end(_session_id(code), client.id)
    if grant is None or grant.client_id != client.id:
        raise InvalidCode
    return grant


def redeem(code: str, grant: Grant) -> Tokens:
    """The tokens for a code; it is used up in the same transaction. Raises Spent."""
    user, identifier = browser_sessions.find_active_user(grant.org, grant.user_id), _session_id(code)
    if user is None:
        raise InvalidCode
    tokens, opened = sessions.new_session(user, id=identifier, client_id=grant.client_id, scope=grant.scope)
    try:
        dynamodb.commit(storage.redeem_code_write(encryption.fingerprint(code)), opened)
    except ConditionFailed:
        sessions.end(identifier, grant.client_id)
        raise InvalidCode from None
    return tokens


def _session_id(code: str) -> str:
    return ids.derived("session", "code", code)

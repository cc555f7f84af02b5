"""Whether who opened a WebSocket may still see what it subscribed to. The engine imports it: it stays light."""

from chalicelib.apis.projects.access import effective, permitted
from chalicelib.engine.accounts import api_keys, sessions
from chalicelib.engine.live.connections import Connection
from chalicelib.engine.security.authentication import Principal


def admits(found: Connection, channel: str) -> bool:
    """Whether the connection's session or API key is good, and may read what the channel is about."""
    caller = _caller(found)
    if caller is None:
        return False
    scope = caller.scope if found.scope is None else frozenset(found.scope.split())
    return f"{channel}:read" in effective(permitted(caller._replace(scope=scope)))


def _caller(found: Connection) -> Principal | None:
    """Who opened the connection, as of now; None when the credential is no good any more."""
    assert found.subject is not None and found.role is not None
    if found.key is not None:
        return api_keys.standing(found.key)
    if found.session is not None:
        return sessions.standing(found.org, found.subject, found.session)
    return Principal(found.org, found.subject, found.role)

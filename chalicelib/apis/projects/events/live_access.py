"""Whether a WebSocket's caller may still see the events that it subscribed to.

The functions that send events import this module, so it imports little.
"""

from chalicelib.apis.projects.access import effective_permissions, with_permissions
from chalicelib.engine.accounts import api_keys, sessions
from chalicelib.engine.live.connections import Connection
from chalicelib.engine.security.authentication import Principal


def may_see(connection: Connection, channel: str) -> bool:
    """Whether the connection's session or API key is valid and permits reading the channel."""
    caller = _caller(connection)
    if caller is None:
        return False
    scope = caller.scope if connection.scope is None else frozenset(connection.scope.split())
    return f"{channel}:read" in effective_permissions(with_permissions(caller._replace(scope=scope)))


def _caller(connection: Connection) -> Principal | None:
    """The caller of the connection as of now; None when its credential is not valid any more."""
    assert connection.subject is not None and connection.role is not None
    if connection.key is not None:
        return api_keys.current_principal(connection.key)
    if connection.session is not None:
        return sessions.current_principal(connection.org, connection.subject, connection.session)
    return Principal(connection.org, connection.subject, connection.role)

"""Sign-in with GitHub: the verified primary email address there decides which user of which org somebody is.

The app's secret is in the SSM parameter `{SECRETS_PARAMETER}/github`, on the local stage in GITHUB_CLIENT_SECRET. A
session that is opened here lasts as long as its access token and cannot be renewed. GitHub's own token is not kept.
"""

from typing import NamedTuple

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.accounts.sessions import Tokens
from chalicelib.engine.security import guess_limits
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import NotConfigured
from chalicelib.observability import logger
from chalicelib.providers.identity import github
from chalicelib.providers.identity.github import App, AppRefused, Person
from chalicelib.storage.aws import ssm

SESSION_SECONDS = 900
NOT_CONFIGURED = "Sign-in with GitHub is not configured: set GITHUB_CLIENT_ID, and the secret that belongs to it."
APP_REFUSED = "GitHub refuses GITHUB_CLIENT_ID with its secret: set both as GitHub shows them for the OAuth app."

_secrets: TtlCache[str, str] = TtlCache(clock.MINUTE)
"""By the name of the parameter; empty where there is none."""


class SignedIn(NamedTuple):
    """A user and the tokens of a new session."""

    user: Document
    tokens: Tokens


def sign_in(code: str, address: str) -> SignedIn:
    """Sign in whoever allowed this code. `address` is where the request comes from. Four calls, and three of GitHub.

    Raises NotConfigured, TooManyRequests after too many wrong codes from an address, what `users.sign_in_by_email`
    raises, and what `github.identify` raises but AppRefused.
    """
    app = get_app()
    with guess_limits.limit_guesses("github-code", address):
        person = _identify(app, code)
    user = users.sign_in_by_email(person.email, {"avatar_url": person.avatar_url})
    return SignedIn(user, sessions.open_session(user, SESSION_SECONDS))


def get_app() -> App:
    """The deployment's OAuth app. One call of SSM a minute. Raises NotConfigured."""
    app = App(settings().github_client_id, settings().github_client_secret or _read_secret())
    if not all(app):
        raise NotConfigured(NOT_CONFIGURED)
    return app


def _read_secret() -> str:
    prefix = settings().secrets_parameter
    if not prefix:
        return ""
    name = f"{prefix}/github"
    cached = _secrets.get(name)
    return cached if cached is not None else _secrets.put(name, (ssm.find_parameter(name) or "").strip())


def _identify(app: App, code: str) -> Person:
    try:
        return github.identify(app, code)
    except AppRefused:
        logger().error("GitHub refuses the OAuth app", extra={"client_id": app.client_id})
        raise NotConfigured(APP_REFUSED) from None

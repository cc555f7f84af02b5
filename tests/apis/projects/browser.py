"""A browser on the pages of /oauth, and an application that redirects it there, for tests."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import parse_qsl, urlencode, urlsplit

from chalicelib.domain.document import Document
from chalicelib.engine.oauth import clients
from chalicelib.engine.oauth.clients import Client as Application
from chalicelib.engine.oauth.clients import Registration
from tests.support.client import Client, Reply
from tests.support.people import PASSWORD
from tests.support.world import ORG

BACK = "https://app.example/callback"
SCOPES = ("tasks:read", "agents:read", "tasks:write")
TITLE = "<title>Sign in</title>"
"""The title of the sign-in page; other pages also contain the words."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def application(*, public: bool = False, org: str = ORG, to: tuple[str, ...] = (BACK,)) -> tuple[Application, str]:
    """Register an application; returns it with its secret. A public one has no secret."""
    client, secret = clients.register(org, "user_admin", Registration("Roadmap", to, SCOPES, public))
    return client, secret or ""


@dataclass
class Browser:
    """A client that keeps cookies and fills in forms."""

    client: Client
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Reply:
        return self._send("GET", f"{path}?{urlencode(query)}")

    def post(self, path: str, **fields: str) -> Reply:
        return self._send("POST", path, urlencode(fields))

    def submit(self, page: Reply, path: str, **fields: str) -> Reply:
        """Fill in and send the page's form."""
        return self.post(path, **(hidden_fields(page) | fields))

    def sign_in(self, user: Document, password: str = PASSWORD, **authorization_query: str) -> Reply:
        """Follow the application's link, sign in, and return the next page."""
        page = self.get("/oauth/authorize", **authorization_query)
        assert TITLE in page.text, page.text
        reply = self.submit(page, "/oauth/login", email=user.body["email"], password=password)
        return self.follow(reply) if reply.status == 303 else reply

    def follow(self, reply: Reply) -> Reply:
        """Follow a redirect within the pages."""
        assert reply.headers["location"].startswith("authorize?"), reply.headers
        return self._send("GET", f"/oauth/{reply.headers['location']}")

    def grant(self, user: Document, **authorization_query: str) -> dict[str, str]:
        """Sign in and agree; returns the query of the redirect to the application."""
        return read_redirect(
            self.submit(self.sign_in(user, **authorization_query), "/oauth/authorize", decision="approve")
        )

    def grant_again(self, **authorization_query: str) -> dict[str, str]:
        """Agree as a signed-in user, if asked; returns the query of the redirect to the application."""
        page = self.get("/oauth/authorize", **authorization_query)
        return read_redirect(page if page.status == 303 else self.submit(page, "/oauth/authorize", decision="approve"))

    def _send(self, method: str, url: str, body: str | None = None) -> Reply:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = self.client.request(method, url, body, headers={**FORM, "Cookie": cookie} if cookie else FORM)
        for line in reply.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return reply


def authorization_query(app: Application, **more: str) -> dict[str, str]:
    """The query of an application's authorization request."""
    return {"client_id": app.id, "response_type": "code", "state": "xyz"} | more


def hidden_fields(page: Reply) -> dict[str, str]:
    """The hidden fields of a page's form."""
    return {
        name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    }


def read_redirect(reply: Reply) -> dict[str, str]:
    """The query of a redirect to an application."""
    assert reply.status == 303, (reply.status, reply.text)
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


def exchange(client: Client, headers: dict[str, str] | None = None, **fields: str) -> Reply:
    """Send a request to the token endpoint."""
    return client.post("/oauth/token", urlencode(fields), headers=FORM | (headers or {}))


def basic_authorization(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def exchange_code(client: Client, app: Application, secret: str, granted: str, **fields: str) -> Reply:
    """Exchange a code as an application with a secret."""
    whole = {"grant_type": "authorization_code", "code": granted, "client_id": app.id, "client_secret": secret}
    return exchange(client, **(whole | fields))

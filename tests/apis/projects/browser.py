"""A browser on the pages of /oauth, and an application that sends it there: for tests."""

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
"""Of the sign-in page; others speak of signing in, too."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
PKCE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def application(*, public: bool = False, org: str = ORG, to: tuple[str, ...] = (BACK,)) -> tuple[Application, str]:
    """A registered application, and its secret; a public one has none."""
    client, secret = clients.register(org, "user_admin", Registration("Roadmap", to, SCOPES, public))
    return client, secret or ""


@dataclass
class Browser:
    """Keeps cookies and fills in forms."""

    client: Client
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: str) -> Reply:
        return self._sent("GET", f"{path}?{urlencode(query)}")

    def post(self, path: str, **fields: str) -> Reply:
        return self._sent("POST", path, urlencode(fields))

    def submit(self, page: Reply, path: str, **fields: str) -> Reply:
        """Send the page's form, filled in."""
        return self.post(path, **(hidden(page) | fields))

    def sign_in(self, user: Document, password: str = PASSWORD, **asked: str) -> Reply:
        """From the application to what follows the sign-in page."""
        page = self.get("/oauth/authorize", **asked)
        assert TITLE in page.text, page.text
        reply = self.submit(page, "/oauth/login", email=user.body["email"], password=password)
        return self.followed(reply) if reply.status == 303 else reply

    def followed(self, reply: Reply) -> Reply:
        """Where a redirect within the pages leads."""
        assert reply.headers["location"].startswith("authorize?"), reply.headers
        return self._sent("GET", f"/oauth/{reply.headers['location']}")

    def granted(self, user: Document, **asked: str) -> dict[str, str]:
        """What comes back to the application when the user signs in and says yes."""
        return back(self.submit(self.sign_in(user, **asked), "/oauth/authorize", decision="approve"))

    def granted_again(self, **asked: str) -> dict[str, str]:
        """What comes back when the user is signed in, and says yes if asked."""
        page = self.get("/oauth/authorize", **asked)
        return back(page if page.status == 303 else self.submit(page, "/oauth/authorize", decision="approve"))

    def _sent(self, method: str, url: str, body: str | None = None) -> Reply:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = self.client.request(method, url, body, headers={**FORM, "Cookie": cookie} if cookie else FORM)
        for line in reply.cookies:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return reply


def asked(app: Application, **more: str) -> dict[str, str]:
    """An application's request."""
    return {"client_id": app.id, "response_type": "code", "state": "xyz"} | more


def hidden(page: Reply) -> dict[str, str]:
    """The fields that a page's form holds already."""
    return {
        name: unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text)
    }


def back(reply: Reply) -> dict[str, str]:
    """What a redirect to an application tells it."""
    assert reply.status == 303, (reply.status, reply.text)
    return dict(parse_qsl(urlsplit(reply.headers["location"]).query))


def exchange(client: Client, headers: dict[str, str] | None = None, **fields: str) -> Reply:
    """A request to the token endpoint."""
    return client.post("/oauth/token", urlencode(fields), headers=FORM | (headers or {}))


def basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()}


def code_exchange(client: Client, known: Application, secret: str, granted: str, **fields: str) -> Reply:
    """The answer to a code, of an application with a secret."""
    whole = {"grant_type": "authorization_code", "code": granted, "client_id": known.id, "client_secret": secret}
    return exchange(client, **(whole | fields))

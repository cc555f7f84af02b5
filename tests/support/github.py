"""A fake GitHub that signs people in as docs.github.com says, and refuses what GitHub refuses.

The web application flow ("Authorizing OAuth apps"), its errors, which are answers with status 200 ("Troubleshooting
OAuth app access token request errors"), and /user and /user/emails of the REST API, version 2022-11-28.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from chalicelib import clock, config
from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.world import World

CLIENT_ID, SECRET = "Iv1.8a61f9b3a7aba766", "github-secret-0123456789"
TOKEN = "gho_16C7e42F292c6912E7710c838347Ae178B4a"
AVATAR_URL = "https://avatars.githubusercontent.com/u/583231?v=4"
CODE_MS = 10 * clock.MINUTE
SETTINGS = {"github_client_id": CLIENT_ID, "github_client_secret": SECRET}
ERRORS = "/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/#"


@dataclass
class FakeGitHub:
    """GitHub with one person. `reply`: what requests to a path get instead, or what keeps them from an answer."""

    emails: list[dict[str, Any]]
    scope: str = "user:email"
    """What the person has allowed."""
    reply: dict[str, Response | Unreachable] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    standing: str = ""
    """A code that the person allows again after each use."""
    _codes: dict[str, int] = field(default_factory=dict)

    def allow(self, code: str = "0123456789abcdef0123") -> str:
        """The person allows the app to know them: a code that is valid once, for ten minutes."""
        self._codes[code] = clock.now() + CODE_MS
        return code

    def request(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Response:
        parts = urlsplit(url)
        self.requests.append(f"{method} {parts.path}")
        reply = self.reply.get(parts.path)
        if isinstance(reply, Unreachable):
            raise reply
        if reply is not None:
            return reply
        assert headers["user-agent"], "GitHub answers 403 without it"
        if parts.netloc == "github.com":
            assert (method, parts.path, parts.query) == ("POST", "/login/oauth/access_token", "")
            return self._exchange(headers, body)
        assert (parts.netloc, method, body) == ("api.github.com", "GET", b"")
        return self._show(parts.path, parse_qs(parts.query), headers)

    def _exchange(self, headers: dict[str, str], body: bytes) -> Response:
        assert headers["accept"] == "application/json", "else the answer is a form"
        assert headers["content-type"] == "application/x-www-form-urlencoded"
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        assert form.keys() == {"client_id", "client_secret", "code"}
        if form["client_id"] != CLIENT_ID:
            return reply(404, {"error": "Not Found"})
        if form["client_secret"] != SECRET:
            return _error("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
        if form["code"] == self.standing:
            self.allow(self.standing)
        if self._codes.pop(form["code"], 0) <= clock.now():
            return _error("bad_verification_code", "The code passed is incorrect or expired.")
        return reply(200, {"access_token": TOKEN, "scope": self.scope, "token_type": "bearer"})

    def _show(self, path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Response:
        assert headers["accept"] == "application/vnd.github+json"
        assert headers["x-github-api-version"] == "2022-11-28"
        if headers["authorization"] != f"Bearer {TOKEN}":
            return reply(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})
        if path == "/user":
            return reply(200, {"login": "octocat", "id": 583231, "avatar_url": AVATAR_URL, "name": None, "email": None})
        assert path == "/user/emails"
        if self.scope != "user:email":
            return reply(404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest"})
        return reply(200, self.emails[: int(query["per_page"][0])])


def email(address: str, *, primary: bool = True, verified: bool = True) -> dict[str, Any]:
    """An email address as GitHub lists it."""
    return {"email": address, "primary": primary, "verified": verified, "visibility": "private" if primary else None}


def github(world: World, *addresses: str) -> FakeGitHub:
    """GitHub with a person whose first address is the primary one, and an app there that is configured here."""
    fake = FakeGitHub([email(address, primary=address == addresses[0]) for address in addresses])
    servers: dict[str, Any] = {"github.com": fake, "api.github.com": fake}
    world.servers |= servers
    config.replace(**SETTINGS)
    return fake


def reply(status: int, body: Any) -> Response:
    """An answer of GitHub in JSON."""
    headers = {"content-type": "application/json; charset=utf-8", "x-ratelimit-remaining": "4999"}
    return Response(status, headers, json.dumps(body).encode())


def _error(error: str, description: str) -> Response:
    uri = ERRORS + error.replace("_", "-")
    return reply(200, {"error": error, "error_description": description, "error_uri": uri})

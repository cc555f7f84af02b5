"""The demo's HTTP client of an API, with tokens."""

from typing import Any

import requests

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal

TTL_SECONDS = 600


class Client:
    """A caller of the API at `url`; errors are raised as requests.HTTPError."""

    def __init__(self, url: str, role: str) -> None:
        self.token = authentication.issue_token(Principal("demo", f"demo-{role}", role, "enterprise"), TTL_SECONDS)
        self.url, self._headers = url, {"Authorization": f"Bearer {self.token}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Send one request; returns the JSON of the answer."""
        answer = requests.request(
            method, self.url + path, json=body, headers=self._headers | headers, timeout=30, allow_redirects=False
        )
        answer.raise_for_status()
        return answer.json()

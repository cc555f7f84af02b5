"""Values that the authorization endpoint and the token endpoint return."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from chalicelib.engine.oauth.clients import Client


class Refusal(NamedTuple):
    """A request that no user is asked about. The browser is sent to `location` with the error; without a location the
    message is shown."""

    message: str
    location: str | None


@dataclass(frozen=True)
class Question:
    """The question to a user: may the application have these permissions?"""

    client: Client
    scopes: tuple[str, ...]
    redirect_uri: str
    answer: Callable[[str | None], str]
    """Returns where the browser is sent, given the id of the user who agrees, or None for a refusal."""


class Answer(NamedTuple):
    """The answer of the token endpoint: tokens, or an error of RFC 6749, section 5.2."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

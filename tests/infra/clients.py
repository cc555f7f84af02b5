"""Clients of the watched world: they speak to its functions as API Gateway does, as an administrator."""

import base64
import json
from itertools import count
from typing import Any

from chalicelib.apis.websockets import router
from chalicelib.edge import Api, mount
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from tests.infra.calls import Watch
from tests.support.parts import MULTIPART
from tests.support.world import ORG, World, clear_caches


def token() -> str:
    return authentication.issue_token(Principal(ORG, "ops", "admin"), 7 * 86_400)


class Client:
    """Speaks HTTP to one API, and takes no refusal. A body of bytes is one of several parts."""

    def __init__(self, made: Watch, api: Api) -> None:
        self._app, self._watch, self._name = mount(api), made, api.name
        self._token = token()

    def call_with(self, token: str) -> None:
        """Be somebody else from now on."""
        self._token = token

    def __call__(
        self, method: str, route: str, body: Any = None, *, key: str | None = None, query: Any = None, **values: str
    ) -> Any:
        credential = {"x-api-key": key} if key else {"authorization": f"Bearer {self._token}"}
        several = isinstance(body, bytes)
        text = base64.b64encode(body).decode() if isinstance(body, bytes) else json.dumps(body)
        event = {
            "resource": route,
            "path": route,
            "httpMethod": method,
            "headers": credential | {"content-type": MULTIPART if several else "application/json"},
            "multiValueQueryStringParameters": query and {name: [str(value)] for name, value in query.items()},
            "pathParameters": values or None,
            "stageVariables": None,
            "body": text if body is not None else None,
            "isBase64Encoded": several,
            "requestContext": {"httpMethod": method, "resourcePath": route, "requestId": "r"},
        }
        with self._watch.running(f"{self._name}.api_handler"):
            reply = self._app(event, None)
        assert reply["statusCode"] < 300, reply["body"]
        return json.loads(reply["body"]) if reply["body"] else None


_numbers = count(1)


class Line:
    """A WebSocket: open as soon as it is made."""

    def __init__(self, made: Watch, world: World, path: str, **query: str) -> None:
        self._watch, self._world = made, world
        self.id = f"line{next(_numbers)}"
        self.frames = world.sockets.connect(self.id)
        self._answered("connect", {"queryStringParameters": {"path": path, "token": token()} | query})

    def say(self, kind: str, **said: Any) -> None:
        self._answered("message", {"body": json.dumps({"type": kind} | said)})

    def leave(self) -> None:
        self._world.sockets.drop(self.id)
        self._answered("disconnect", {})

    def _answered(self, function: str, event: dict[str, Any]) -> None:
        handlers = {
            "connect": router.handle_connect,
            "message": router.handle_message,
            "disconnect": router.handle_disconnect,
        }
        clear_caches()  # each event may come to a new process
        with self._watch.running(f"live.{function}"):
            answer = handlers[function](event | {"requestContext": {"connectionId": self.id}})
        assert answer["statusCode"] == 200, answer


def wait(world: World, seconds: int, awake: bool) -> None:
    """Time passes; then wakeups come late, or meanwhile the sweep alone does."""
    if awake:
        world.clock.advance(seconds)
        world.settle()
    else:
        world.advance(seconds, settle=False)

"""Clients of the watched world. As administrators they call its functions as API Gateway does."""

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
    """An HTTP client of one API, which must not refuse a request. A body of bytes is multipart."""

    def __init__(self, watch: Watch, api: Api) -> None:
        self._app, self._watch, self._name = mount(api), watch, api.name
        self._token = token()

    def call_with(self, token: str) -> None:
        """Use another caller's credential from now on."""
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
        if reply.get("isBase64Encoded"):
            return base64.b64decode(reply["body"])
        return json.loads(reply["body"]) if reply["body"] else None


_numbers = count(1)


class ClientConnection:
    """A WebSocket, which is opened when it is created."""

    def __init__(self, watch: Watch, world: World, path: str, **query: str) -> None:
        self._watch, self._world = watch, world
        self.id = f"line{next(_numbers)}"
        self.frames = world.sockets.connect(self.id)
        self._answer("connect", {"queryStringParameters": {"path": path, "token": token()} | query})

    def say(self, kind: str, **said: Any) -> None:
        self._answer("message", {"body": json.dumps({"type": kind} | said)})

    def leave(self) -> None:
        self._world.sockets.drop(self.id)
        self._answer("disconnect", {})

    def _answer(self, function: str, event: dict[str, Any]) -> None:
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
    """Let time pass. Then wakeups arrive late, or only the sweep runs."""
    if awake:
        world.clock.advance(seconds)
        world.settle()
    else:
        world.advance(seconds, settle=False)

"""Clients of the watched house: they speak to its functions as API Gateway does, as an administrator."""

import json
from itertools import count
from typing import Any

from chalicelib.apis.live import switchboard
from chalicelib.edge import Api, mount
from chalicelib.engine import access, connections
from chalicelib.engine.access import Principal
from tests.infra.calls import Watch
from tests.support.world import ORG, World


def token() -> str:
    return access.issue(Principal(ORG, "ops", "admin"), 7 * 86_400)


class Client:
    """Speaks HTTP to one API, and takes no refusal."""

    def __init__(self, made: Watch, api: Api) -> None:
        self._app, self._watch, self._name = mount(api), made, api.name
        self._token = token()

    def __call__(
        self, method: str, route: str, body: Any = None, *, key: str | None = None, query: Any = None, **values: str
    ) -> Any:
        credential = {"x-api-key": key} if key else {"authorization": f"Bearer {self._token}"}
        event = {
            "resource": route,
            "path": route,
            "httpMethod": method,
            "headers": credential | {"content-type": "application/json"},
            "multiValueQueryStringParameters": query and {name: [str(value)] for name, value in query.items()},
            "pathParameters": values or None,
            "stageVariables": None,
            "body": json.dumps(body) if body is not None else None,
            "isBase64Encoded": False,
            "requestContext": {"httpMethod": method, "resourcePath": route, "requestId": "r"},
        }
        with self._watch.running(f"{self._name}.api_handler"):
            reply = self._app(event, None)
        assert reply["statusCode"] < 300, reply["body"]
        return json.loads(reply["body"]) if reply["body"] else None


_numbers = count(1)


class Line:
    """A WebSocket: open as soon as it is made."""

    def __init__(self, made: Watch, house: World, path: str, **query: str) -> None:
        self._watch, self._house = made, house
        self.id = f"line{next(_numbers)}"
        self.frames = house.sockets.connect(self.id)
        self._answered("connect", {"queryStringParameters": {"path": path, "token": token()} | query})

    def say(self, kind: str, **said: Any) -> None:
        self._answered("message", {"body": json.dumps({"type": kind} | said)})

    def leave(self) -> None:
        self._house.sockets.drop(self.id)
        self._answered("disconnect", {})

    def _answered(self, function: str, event: dict[str, Any]) -> None:
        handlers = {
            "connect": switchboard.connected,
            "message": switchboard.heard,
            "disconnect": switchboard.closed,
        }
        connections._known.clear()  # each event may come to a new process
        with self._watch.running(f"live.{function}"):
            answer = handlers[function](event | {"requestContext": {"connectionId": self.id}})
        assert answer["statusCode"] == 200, answer

"""A worker that is connected over a WebSocket: it speaks API Gateway's events to the bundle `live`."""

import json
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from chalicelib.apis.websockets import router
from tests.support.world import World

Frame = dict[str, Any]
_numbers = count()


@dataclass
class SocketWorker:
    """One connection. `path` is as API Gateway is given it, such as `/codeserver/worker/1`."""

    world: World
    path: str
    token: str
    id: str = field(default_factory=lambda: f"socket_{next(_numbers)}")
    frames: list[Frame] = field(init=False)
    answer: Any = field(init=False)
    """The connect function's."""

    def __post_init__(self) -> None:
        self.frames = self.world.sockets.connect(self.id)
        self.answer = router.handle_connect(self._event(queryStringParameters={"path": self.path, "token": self.token}))
        self.world.settle()

    def _event(self, **more: Any) -> Any:
        return {"requestContext": {"connectionId": self.id}, **more}

    def say(self, kind: str, about: Frame | None = None, **fields: Any) -> Frame | None:
        """Send a frame, about a task frame if one is given; returns what it is answered with, if anything."""
        named = {name: about[name] for name in ("task_id", "attempt", "lease")} if about is not None else {}
        before = len(self.frames)
        router.handle_message(self._event(body=json.dumps({"type": kind} | named | fields)))
        return self.frames[before] if len(self.frames) > before else None

    def task(self, task_id: str) -> Frame:
        """The latest frame with this task."""
        return [frame for frame in self.frames if frame["type"] == "task" and frame["task_id"] == task_id][-1]

    def leave(self) -> None:
        """Close the connection."""
        self.world.sockets.drop(self.id)
        router.handle_disconnect(self._event())

"""Watch a task over the API's WebSocket, from its present state to its end."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import websockets

from orchestrator_sdk.errors import ApiError, OrchestratorError

Update = dict[str, Any]
PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
ENDED = {"failed": "The task failed", "cancelled": "The task was cancelled"}


async def watch(
    base_url: str, headers: Mapping[str, str], task_id: str, read: Callable[[], Awaitable[dict[str, Any]]]
) -> AsyncIterator[Update]:
    """Iterate over a task's updates until it has ended. After a broken connection the task is read again.

    Raises ApiError when the credential is refused or there is no such task.
    """
    url = f"{base_url.replace('http', 'ws', 1)}/ws"
    pause = PAUSE_SECONDS
    seen: Any = None
    while True:
        try:
            async with websockets.connect(url, additional_headers=headers, open_timeout=10) as socket:
                await socket.send(json.dumps({"type": "subscribe", "channel": "tasks", "filters": {"id": task_id}}))
                async for text in socket:
                    task = await _task_of(json.loads(text), read)
                    if task is None or task == seen:
                        continue
                    seen, pause = task, PAUSE_SECONDS
                    yield (update := _update(task))
                    if update["type"] != "progress":
                        return
        except websockets.InvalidStatus as refused:
            if refused.response.status_code in (401, 403):
                raise ApiError(refused.response.status_code, {}, None) from refused
        except (OSError, websockets.WebSocketException):
            pass  # opened again below
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


async def _task_of(frame: dict[str, Any], read: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any] | None:
    """The task in a frame. At the beginning of a subscription the task is read from the API."""
    if frame["type"] in ("subscribed", "reset"):
        return await read()
    if frame["type"] == "error":
        raise OrchestratorError(frame["error"]["message"])
    if frame["type"] == "task.deleted":
        return {"id": frame["data"]["id"], "status": "cancelled", "progress": 0, "error": "The task was deleted"}
    return frame.get("data")


def _update(task: dict[str, Any]) -> Update:
    update: Update = {"progress": task.get("progress") or 0, "task": task}
    if task["status"] == "completed":
        return update | {"type": "completed"}
    if task["status"] in ENDED:
        return update | {"type": "error", "error": _reason(task)}
    return update | {"type": "progress"}


def _reason(task: dict[str, Any]) -> str:
    error = task.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return str(error or ENDED[task["status"]])

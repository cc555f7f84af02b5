"""Watching a task over the API's WebSocket, from its present state to its end."""

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
    """Updates of one task until it has ended. A broken connection is opened again, and the task read anew.

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
    """The task that a frame tells of; read anew where the watching begins."""
    if frame["type"] in ("subscribed", "reset"):
        return await read()
    if frame["type"] == "error":
        raise OrchestratorError(frame["error"]["message"])
    if frame["type"] == "task.deleted":
        return {"id": frame["data"]["id"], "status": "cancelled", "progress": 0, "error": "The task was deleted"}
    return frame.get("data")


def _update(task: dict[str, Any]) -> Update:
    found: Update = {"progress": task.get("progress") or 0, "task": task}
    if task["status"] == "completed":
        return found | {"type": "completed"}
    if task["status"] in ENDED:
        return found | {"type": "error", "error": _reason(task)}
    return found | {"type": "progress"}


def _reason(task: dict[str, Any]) -> str:
    said = task.get("error")
    if isinstance(said, dict):
        said = said.get("message")
    return str(said or ENDED[task["status"]])

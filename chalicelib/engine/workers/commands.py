"""What a worker is to do: stop an attempt that is no longer its own, or take nothing new."""

from dataclasses import replace
from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks.worker import Worker

KEPT_MS = 15 * clock.MINUTE
"""How long a command is repeated to a worker that sends no receipt for it."""


def of(worker: Worker) -> list[dict[str, Any]]:
    """What the worker is told with each heartbeat until it confirms: tasks to stop, and whether to drain."""
    told: list[dict[str, Any]] = [_stop(name) for name, since in worker.commands.items() if not _stale(since)]
    return [*told, {"id": "drain", "type": "drain"}] if worker.maintenance else told


def _stop(name: str) -> dict[str, Any]:
    task_id, _, attempt = name.rpartition(":")
    return {"id": name, "type": "cancel", "task_id": task_id, "attempt": int(attempt)}


def _stale(since: int, now: int | None = None) -> bool:
    return (now or clock.now()) - since > KEPT_MS


def without_stale(worker: Worker, now: int) -> Worker:
    """The worker without the commands that were repeated long enough; itself when there are none."""
    kept = {name: since for name, since in worker.commands.items() if not _stale(since, now)}
    return replace(worker, commands=kept) if kept != worker.commands else worker

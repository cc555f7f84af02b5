"""Commands to a worker: stop an attempt that is no longer its own, or take no new task."""

from dataclasses import replace
from typing import Any

from chalicelib import clock
from chalicelib.domain.tasks.worker import Worker

REPEATED_FOR_MS = 15 * clock.MINUTE
"""How long a command is repeated to a worker that does not confirm it."""


def pending_commands(worker: Worker) -> list[dict[str, Any]]:
    """The commands in the answer to each heartbeat, until the worker confirms them: tasks to stop, and whether to
    drain."""
    cancels: list[dict[str, Any]] = [
        _cancel_command(name) for name, since in worker.commands.items() if not _is_stale(since)
    ]
    return [*cancels, {"id": "drain", "type": "drain"}] if worker.maintenance else cancels


def _cancel_command(name: str) -> dict[str, Any]:
    task_id, _, attempt = name.rpartition(":")
    return {"id": name, "type": "cancel", "task_id": task_id, "attempt": int(attempt)}


def _is_stale(since: int, now: int | None = None) -> bool:
    return (now or clock.now()) - since > REPEATED_FOR_MS


def without_stale_commands(worker: Worker, now: int) -> Worker:
    """The worker without the commands that are no longer repeated; the same object when there are none."""
    current = {name: since for name, since in worker.commands.items() if not _is_stale(since, now)}
    return replace(worker, commands=current) if current != worker.commands else worker

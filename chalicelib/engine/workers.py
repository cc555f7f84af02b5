"""What can be done with a worker: register, heartbeat, take out of rotation, remove."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import Beat, Worker
from chalicelib.engine import sealing, tasks
from chalicelib.errors import NotFound, Unavailable
from chalicelib.storage import access as directory
from chalicelib.storage import base
from chalicelib.storage import pools as pool_storage
from chalicelib.storage import workers as storage
from chalicelib.storage.base import Refused

COMMAND_KEPT_MS = 15 * clock.MINUTE
"""How long a command is repeated to a worker that sends no receipt for it."""


class Registration(NamedTuple):
    """What a worker says of itself when it joins."""

    pool: str
    kind: str  # how its id begins: server, worker, agent
    name: str
    max_concurrent: int
    weight: int = 1
    capabilities: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    endpoints: Mapping[str, str] = MappingProxyType({})
    api_key: str | None = None
    callback_path: str | None = None
    plan: str = "standard"


def register(org: str, said: Registration) -> Worker:
    """Let a worker join its pool. One transaction. Raises InvalidRequest when an endpoint may not be called."""
    # Only who registers pays for the outbound client's import; the other requests of an API never call out.
    from chalicelib.providers import outbound

    for url in said.endpoints.values():
        outbound.check_url(url)
    worker = _new(org, said)
    entry = directory.DirectoryEntry(worker.id, org, said.pool, sealing.fingerprint(said.api_key or ""), said.plan)
    listing = [directory.listed(entry)] if said.api_key else []
    with suppress(Refused):  # the id is fresh: what stands there is this very write, sent again by the client
        base.commit(storage.created(worker), *listing)
    return worker


def _new(org: str, said: Registration) -> Worker:
    identifier, now = ids.new(said.kind), clock.now()
    timeout = settings().heartbeat_timeout_seconds * clock.SECOND
    return Worker(
        id=identifier,
        org=org,
        pool=said.pool,
        name=said.name,
        max_concurrent=said.max_concurrent,
        weight=said.weight,
        capabilities=tuple(sorted(set(said.capabilities))),
        groups=tuple(dict.fromkeys(said.groups)),
        endpoints=dict(said.endpoints),
        callback_path=said.callback_path,
        sealed_key=sealing.seal(said.api_key, _context(org, identifier)) if said.api_key else None,
        plan=said.plan,
        registered_at=now,
        updated_at=now,
        last_heartbeat_at=now,
        heartbeat_timeout_ms=timeout,
        online_since=now,
        wake_at=now + timeout,
    )


def _context(org: str, worker_id: str) -> str:
    return f"{org}#{worker_id}"


def api_key(worker: Worker) -> str | None:
    """The key that the worker registered with, for calling it."""
    return sealing.unseal(worker.sealed_key, _context(worker.org, worker.id)) if worker.sealed_key else None


def crew(org: str, pool: str) -> list[Worker]:
    """All workers of a pool that were not removed, oldest first."""
    _, workers = pool_storage.crew(org, pool)
    return sorted((w for w in workers if not w.removed), key=lambda w: (w.registered_at, w.id))


def get(org: str, pool: str, worker_id: str, kind: str = "Worker") -> Worker:
    """The worker as of now. Raises NotFound("<kind>"), also for a removed one and another tenant's."""
    worker = storage.find(org, pool, worker_id)
    if worker is None or worker.removed:
        raise NotFound(kind, worker_id)
    return worker


def heartbeat(org: str, pool: str, worker_id: str, said: Beat, kind: str = "Worker") -> Worker:
    """Note that a worker is alive and how it is. One call. Raises NotFound when it is not registered."""
    now = clock.now()
    overdue_at = now + settings().heartbeat_timeout_seconds * clock.SECOND
    try:
        worker = storage.beat(org, pool, worker_id, said, now, overdue_at)
    except Refused:
        raise NotFound(kind, worker_id) from None
    if any(_stale(since, now) for since in worker.commands.values()):
        change(org, pool, worker_id, lambda found: without_stale_commands(found, clock.now()))
    return worker


def commands(worker: Worker) -> list[dict[str, Any]]:
    """What the worker is told with each heartbeat until it confirms: tasks to stop, and whether to drain."""
    told: list[dict[str, Any]] = [_stop(name) for name, since in worker.commands.items() if not _stale(since)]
    return [*told, {"id": "drain", "type": "drain"}] if worker.maintenance else told


def _stop(name: str) -> dict[str, Any]:
    task_id, _, attempt = name.rpartition(":")
    return {"id": name, "type": "cancel", "task_id": task_id, "attempt": int(attempt)}


def _stale(since: int, now: int | None = None) -> bool:
    return (now or clock.now()) - since > COMMAND_KEPT_MS


def without_stale_commands(worker: Worker, now: int) -> Worker:
    """The worker without the commands that were repeated long enough."""
    kept = {name: since for name, since in worker.commands.items() if not _stale(since, now)}
    return replace(worker, commands=kept) if kept != worker.commands else worker


def set_maintenance(
    org: str, pool: str, worker_id: str, maintenance: bool, reason: str | None, kind: str = "Worker"
) -> Worker:
    """Take a worker out of rotation, or put it back; running work finishes. Raises NotFound."""

    def decide(worker: Worker) -> Worker:
        if worker.maintenance == maintenance and worker.maintenance_reason == reason:
            return worker
        since = None if maintenance or not worker.alive else worker.online_since or clock.now()
        return replace(
            worker,
            maintenance=maintenance,
            maintenance_reason=reason if maintenance else None,
            online_since=clock.now() if worker.maintenance and not maintenance and worker.alive else since,
        )

    return _found(change(org, pool, worker_id, decide), kind, worker_id)


def unregister(org: str, pool: str, worker_id: str, kind: str = "Worker") -> None:
    """Remove a worker: nothing new from now on, its leases go back unburned. Raises NotFound."""

    def decide(worker: Worker) -> Worker:
        return replace(worker, removed=True, online_since=None, wake_at=clock.now())

    _found(change(org, pool, worker_id, decide), kind, worker_id)


def _found(worker: Worker | None, kind: str, worker_id: str) -> Worker:
    if worker is None:
        raise NotFound(kind, worker_id)
    return worker


def change(org: str, pool: str, worker_id: str, decide: Callable[[Worker], Worker]) -> Worker | None:
    """Read, decide, write on the condition that nobody wrote in between; None when there is no such worker."""
    for _ in range(tasks.TRIES):
        old = storage.find(org, pool, worker_id)
        if old is None or old.removed:
            return None
        new = decide(old)
        if new is old:
            return old
        new = replace(new, version=old.version + 1, updated_at=clock.now())
        try:
            base.commit(storage.changed(old, new))
        except Refused as refused:
            if refused.items[0] is None or storage.from_raw(refused.items[0]) != new:
                continue
        return new
    raise Unavailable("Too many writers at once; try again")

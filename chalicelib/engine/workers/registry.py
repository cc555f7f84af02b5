"""What can be done with a worker: register, heartbeat, take out of rotation, remove."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks import circuit_breaker
from chalicelib.domain.tasks.rotation import Rotation, rotated, seen, turned
from chalicelib.domain.tasks.worker import BUILT_IN, Beat, Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.security import encryption
from chalicelib.engine.tasks import payloads, worker_presence
from chalicelib.engine.workers import commands, worker_urls
from chalicelib.engine.workers.worker_urls import Place
from chalicelib.errors import Conflict, NotFound
from chalicelib.storage.access import table as directory
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workers import pools as pool_storage
from chalicelib.storage.workers import workers as storage

PING_MS = 20 * clock.SECOND
PINGS_IN_TIMEOUT = 4
_DESCRIBED = ("name", "type", "max_concurrent", "capabilities", "endpoints")
"""What a change sets as it is said."""


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
    type: str | None = None
    metadata: Mapping[str, Any] | None = None
    id: str | None = None  # chosen by its owner or its API; else a new one
    socket: bool = False  # it is there once it connects, and as long as it answers
    attempt_seconds: int | None = None  # the longest it may take for a task
    hours: Mapping[str, Any] | None = None  # when it works (domain.hours); None: always


class Change(NamedTuple):
    """What its owner changes of a worker; None leaves a field as it is."""

    rotation: Rotation | None = None  # open is also a sign of life
    reason: str | None = None  # why it leaves rotation
    name: str | None = None
    type: str | None = None
    metadata: Mapping[str, Any] | None = None  # merged key by key
    max_concurrent: int | None = None
    capabilities: tuple[str, ...] | None = None
    attempt_seconds: int | None = None  # 0: as long as the task allows
    hours: Mapping[str, Any] | None = None  # empty: always
    endpoints: Mapping[str, str] | None = None  # empty: it fetches its tasks


def register(org: str, said: Registration, by: str | None = None, kind: str = "Worker") -> Worker:
    """Let a worker join its pool, in the name of `by` where that is known. One call, or one transaction when it has a
    key or a URL; two more where somebody had that URL before.

    Raises InvalidRequest when an endpoint may not be called or the metadata are too large, Conflict when its owner
    chose an id that is taken, or another worker of the pool has the URL that its tasks are to go to.
    """
    worker_urls.check(said.endpoints)
    payloads.require_small_metadata(said.metadata)
    worker = replace(_new(org, said), changed_by=by)
    entry = directory.DirectoryEntry(worker.id, org, said.pool, encryption.fingerprint(said.api_key or ""), said.plan)
    listing = [directory.listed(entry)] if said.api_key else []
    place = Place(org, said.pool, worker.id)
    try:
        worker_urls.claiming(
            place, said.endpoints, kind, lambda claim: dynamodb.commit(storage.create_write(worker), *claim, *listing)
        )
    except ConditionFailed as refused:
        # Under a fresh id what stands there is this very write, sent again by the client.
        if said.id is not None and refused.items[0] is not None and storage.from_raw(refused.items[0]) != worker:
            raise Conflict(f"Worker {said.id} exists already") from None
    return worker


def enlist(org: str, said: Registration) -> Worker:
    """Let a worker join under the id that its owner chose; one that is there already is changed to what is said now.

    One call, three for a change. Raises Conflict for an id that is the house's own.
    """
    assert said.id is not None
    _require_own(said.id)
    try:
        return register(org, said)
    except Conflict:
        change = Change(
            metadata=said.metadata,
            max_concurrent=said.max_concurrent,
            capabilities=said.capabilities,
            attempt_seconds=said.attempt_seconds or 0,
        )
        return update(org, said.pool, said.id, change)


def join(org: str, said: Registration, kind: str = "Worker") -> tuple[Worker, bool]:
    """Let a worker join as `register` does, or come back: one that registers its URL again under the same key is the
    worker that it was, changed to what is said now. Answers whether it was there before.

    One call, five for one that comes back. Raises what `register` raises; Conflict where the key is another one.
    """
    try:
        return register(org, said, kind=kind), False
    except Conflict as taken:
        before = directory.look_up(taken.facts.get("worker_id", ""))
        if before is None or said.api_key is None or not encryption.matches(said.api_key, before.fingerprint):
            raise
    back = change(org, said.pool, before.worker_id, lambda worker: _come_back(worker, said))
    return (back, True) if back is not None else (register(org, said, kind=kind), False)


def _come_back(worker: Worker, said: Registration) -> Worker:
    described = {name: getattr(said, name) for name in ("name", "max_concurrent", "weight", "callback_path", "plan")}
    return replace(
        seen(worker, clock.now()),
        **described,
        capabilities=tuple(dict.fromkeys(said.capabilities)),
        groups=tuple(dict.fromkeys(said.groups)),
        endpoints=dict(said.endpoints),
    )


def _require_own(worker_id: str | None) -> None:
    if worker_id == BUILT_IN:
        raise Conflict(f"{BUILT_IN} is the house's own worker: choose another id")


def _new(org: str, said: Registration) -> Worker:
    now = clock.now()
    identifier = said.id or ids.new(said.kind)
    timeout = settings().heartbeat_timeout_seconds * clock.SECOND
    return Worker(
        id=identifier,
        org=org,
        pool=said.pool,
        name=said.name,
        type=said.type,
        metadata=dict(said.metadata) if said.metadata is not None else None,
        max_concurrent=said.max_concurrent,
        weight=said.weight,
        capabilities=tuple(dict.fromkeys(said.capabilities)),
        groups=tuple(dict.fromkeys(said.groups)),
        endpoints=dict(said.endpoints),
        callback_path=said.callback_path,
        sealed_key=encryption.seal(said.api_key, _context(org, identifier)) if said.api_key else None,
        plan=said.plan,
        socket=said.socket,
        attempt_ms=said.attempt_seconds * clock.SECOND if said.attempt_seconds else None,
        hours=said.hours,
        alive=not said.socket,
        registered_at=now,
        updated_at=now,
        last_heartbeat_at=now,
        heartbeat_timeout_ms=timeout,
        online_since=None if said.socket else now,
        wake_at=None if said.socket else now + timeout,
    )


def _context(org: str, worker_id: str) -> str:
    return f"{org}#{worker_id}"


def api_key(worker: Worker) -> str | None:
    """The key that the worker registered with, for calling it."""
    return encryption.unseal(worker.sealed_key, _context(worker.org, worker.id)) if worker.sealed_key else None


def crew(org: str, pool: str) -> list[Worker]:
    """All workers of a pool that were not removed, oldest first."""
    _, workers = pool_storage.find_with_workers(org, pool)
    return sorted((w for w in workers if not w.removed and not w.built_in), key=lambda w: (w.registered_at, w.id))


def get(org: str, pool: str, worker_id: str, kind: str = "Worker") -> Worker:
    """The worker as of now. Raises NotFound("<kind>"), also for a removed one, another tenant's and the house's own."""
    worker = storage.find(org, pool, worker_id)
    if worker is None or worker.removed or worker.built_in:
        raise NotFound(kind, worker_id)
    return worker


def heartbeat(
    org: str, pool: str, worker_id: str, said: Beat, kind: str = "Worker", *, connection: str | None = None
) -> Worker:
    """Note that a worker is alive and how it is; over which connection, if it has one. One call.

    Raises NotFound when it is not registered, or no longer connected so.
    """
    now = clock.now()
    patience = ping_ms() if connection is not None else settings().heartbeat_timeout_seconds * clock.SECOND
    try:
        worker = storage.record_heartbeat(org, pool, worker_id, said, now, now + patience, connection)
    except ConditionFailed:
        raise NotFound(kind, worker_id) from None
    worker_presence.remember_recorded(org, pool, worker_id)
    if worker.suspended_until is not None and worker.online_since == now:
        change(org, pool, worker_id, _returned)
    if commands.without_stale(worker, now) is not worker:
        change(org, pool, worker_id, lambda found: commands.without_stale(found, clock.now()))
    return worker


def _returned(worker: Worker) -> Worker:
    """A worker that was offline says that it is there: it may be given one task, without being probed first."""
    wake_at = worker.overdue_at if worker.wake_at is None else min(worker.wake_at, worker.overdue_at)
    return replace(circuit_breaker.answered(worker), wake_at=wake_at)


def ping_ms() -> int:
    """How long a connected worker may be silent before it is asked whether it is still there: 20 s, or less where its
    heartbeat would be overdue too soon."""
    return min(PING_MS, settings().heartbeat_timeout_seconds * clock.SECOND // PINGS_IN_TIMEOUT)


def set_maintenance(
    org: str,
    pool: str,
    worker_id: str,
    maintenance: bool,
    reason: str | None = None,
    kind: str = "Worker",
) -> Worker:
    """Take a worker out of rotation, or put it back; running work finishes. Raises NotFound."""

    def decide(worker: Worker) -> Worker:
        return rotated(worker, maintenance, clock.now(), reason)

    return _found(change(org, pool, worker_id, decide), kind, worker_id)


def update(
    org: str, pool: str, worker_id: str, asked: Change, kind: str = "Worker", *, by: str | None = None
) -> Worker:
    """Change what a worker's owner says of it; `by` is the owner, where that is known. Two calls.

    One call more where it takes a URL that somebody had before. Raises NotFound, InvalidRequest when the metadata grow
    too large or an endpoint may not be called, Conflict for an endpoint of a worker that has a WebSocket, or one that
    another worker of the pool has.
    """
    endpoints = asked.endpoints or {}
    worker_urls.check(endpoints)

    def decide(worker: Worker) -> Worker:
        changed = _changed(worker, asked)
        payloads.require_small_metadata(changed.metadata)
        return worker if changed == worker else changed

    def write(claim: list[Write]) -> Worker | None:
        return change(org, pool, worker_id, decide, claim, by, strict=True)

    changed = worker_urls.claiming(Place(org, pool, worker_id), endpoints, kind, write)
    return _found(changed, kind, worker_id)


def _changed(worker: Worker, asked: Change) -> Worker:
    if worker.socket and asked.endpoints:
        raise Conflict(f"Worker {worker.id} gets its tasks over its WebSocket: it can have no endpoint")
    turned_so = turned(worker, asked.rotation, clock.now(), asked.reason) if asked.rotation is not None else worker
    limit = worker.attempt_ms if asked.attempt_seconds is None else asked.attempt_seconds * clock.SECOND
    said = {name: value for name in _DESCRIBED if (value := getattr(asked, name)) is not None}
    return replace(
        turned_so,
        **said,
        metadata=worker.metadata if asked.metadata is None else {**(worker.metadata or {}), **asked.metadata},
        hours=worker.hours if asked.hours is None else asked.hours or None,
        attempt_ms=limit or None,
    )


def unregister(
    org: str, pool: str, worker_id: str, kind: str = "Worker", *, by: str | None = None, also: Sequence[Write] = ()
) -> None:
    """Remove a worker: nothing new from now on, its leases go back unburned. Raises NotFound.

    `also` is written in the same transaction; `by` is who removes it, where that is known.
    """

    def decide(worker: Worker) -> Worker:
        return replace(worker, removed=True, online_since=None, wake_at=clock.now())

    _found(change(org, pool, worker_id, decide, also, by), kind, worker_id)


def _found(worker: Worker | None, kind: str, worker_id: str) -> Worker:
    if worker is None:
        raise NotFound(kind, worker_id)
    return worker


def change(
    org: str,
    pool: str,
    worker_id: str,
    decide: Callable[[Worker], Worker],
    also: Sequence[Write] = (),
    by: str | None = None,
    *,
    strict: bool = False,
) -> Worker | None:
    """Read, decide, write on the condition that nobody wrote in between; None when there is no such worker.

    `also` is written in the same transaction; `by` is the caller who asks for the change, when it is one. With `strict`
    ConditionFailed is raised where it was `also` alone that was refused.
    """

    def attempt() -> Worker | None:
        old = storage.find(org, pool, worker_id)
        if old is None or old.removed:
            return None
        new = decide(old)
        if new is old:
            return old
        new = replace(new, version=old.version + 1, updated_at=clock.now(), changed_by=by)
        optimistic.commit_change(new, storage.from_raw, [storage.update_write(old, new), *also], strict=strict)
        return new

    return optimistic.retry(attempt)

"""Registering a worker: a new one, one under an id that its owner chose, or one that comes back."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

from chalicelib import clock, ids
from chalicelib.config import settings
from chalicelib.domain.tasks.rotation import seen
from chalicelib.domain.tasks.worker import BUILT_IN, Worker
from chalicelib.engine.security import encryption
from chalicelib.engine.tasks import payloads
from chalicelib.engine.workers import registry, worker_urls
from chalicelib.engine.workers.registry import WorkerChange
from chalicelib.engine.workers.worker_urls import WorkerKey
from chalicelib.errors import Conflict
from chalicelib.storage.access import table as directory
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.workers import workers as storage


class Registration(NamedTuple):
    """What a worker states about itself when it registers."""

    pool: str
    id_prefix: str  # of a generated id: server, worker, agent
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
    id: str | None = None  # chosen by its owner or its API; None: generated
    socket: bool = False  # it gets its tasks over a WebSocket, and is online while that is open and answers
    attempt_seconds: int | None = None  # the longest that it may take for a task
    hours: Mapping[str, Any] | None = None  # when it works (domain/tasks/working_hours.py); None: always


def register(org: str, registration: Registration, by: str | None = None, kind: str = "Worker") -> Worker:
    """Create a worker; `by` is the user who registers it, where known. One call, or one transaction when it has an API
    key or a URL; two more calls when another worker had that URL before.

    Raises InvalidRequest when an endpoint may not be called or the metadata are too large, Conflict when the chosen id
    is taken, or another worker of the pool has the URL that its tasks are to be sent to.
    """
    worker_urls.check_endpoints(registration.endpoints)
    payloads.require_small_metadata(registration.metadata)
    worker = replace(_new_worker(org, registration), changed_by=by)
    fingerprint = encryption.fingerprint(registration.api_key or "")
    entry = directory.DirectoryEntry(worker.id, org, registration.pool, fingerprint, registration.plan)
    directory_writes = [directory.add_to_directory_write(entry)] if registration.api_key else []
    try:
        worker_urls.write_with_claim(
            WorkerKey(org, registration.pool, worker.id),
            registration.endpoints,
            kind,
            lambda claim: dynamodb.commit(storage.create_write(worker), *claim, *directory_writes),
        )
    except ConditionFailed as refused:
        # A generated id is taken only by this same write, which the AWS client has sent twice.
        stored = refused.items[0]
        if registration.id is not None and stored is not None and storage.from_raw(stored) != worker:
            raise Conflict(f"Worker {registration.id} exists already") from None
    return worker


def register_or_update(org: str, registration: Registration) -> Worker:
    """Register a worker under the id that its owner chose; if it exists, update it with the registration's fields.

    One call, three for an update. Raises Conflict for the id of the built-in worker.
    """
    assert registration.id is not None
    if registration.id == BUILT_IN:
        raise Conflict(f"{BUILT_IN} is the id of Yardmaster's built-in worker: choose another id")
    try:
        return register(org, registration)
    except Conflict:
        change = WorkerChange(
            metadata=registration.metadata,
            max_concurrent=registration.max_concurrent,
            capabilities=registration.capabilities,
            attempt_seconds=registration.attempt_seconds or 0,
        )
        return registry.update(org, registration.pool, registration.id, change)


def register_or_rejoin(org: str, registration: Registration, kind: str = "Worker") -> tuple[Worker, bool]:
    """Register a worker as `register` does, or bring it back: a worker that registers its URL again with the same API
    key keeps its id, and its fields are replaced. Returns the worker and whether it existed before.

    One call, five for a worker that comes back. Raises what `register` raises; Conflict when the API key is another.
    """
    try:
        return register(org, registration, kind=kind), False
    except Conflict as conflict:
        entry = directory.find_directory_entry(conflict.facts.get("worker_id", ""))
        api_key = registration.api_key
        if entry is None or api_key is None or not encryption.has_fingerprint(api_key, entry.fingerprint):
            raise
    worker = registry.change(
        org, registration.pool, entry.worker_id, lambda worker: _with_registration(worker, registration)
    )
    return (worker, True) if worker is not None else (register(org, registration, kind=kind), False)


def _with_registration(worker: Worker, registration: Registration) -> Worker:
    replaced = ("name", "max_concurrent", "weight", "callback_path", "plan")
    return replace(
        seen(worker, clock.now()),
        **{name: getattr(registration, name) for name in replaced},
        capabilities=tuple(dict.fromkeys(registration.capabilities)),
        groups=tuple(dict.fromkeys(registration.groups)),
        endpoints=dict(registration.endpoints),
    )


def _new_worker(org: str, registration: Registration) -> Worker:
    now = clock.now()
    worker_id = registration.id or ids.new(registration.id_prefix)
    timeout_ms = settings().heartbeat_timeout_seconds * clock.SECOND
    is_online = not registration.socket  # a worker with a WebSocket is online once that is open
    api_key, attempt_seconds = registration.api_key, registration.attempt_seconds
    return Worker(
        id=worker_id,
        org=org,
        pool=registration.pool,
        name=registration.name,
        type=registration.type,
        metadata=dict(registration.metadata) if registration.metadata is not None else None,
        max_concurrent=registration.max_concurrent,
        weight=registration.weight,
        capabilities=tuple(dict.fromkeys(registration.capabilities)),
        groups=tuple(dict.fromkeys(registration.groups)),
        endpoints=dict(registration.endpoints),
        callback_path=registration.callback_path,
        sealed_key=encryption.seal(api_key, _encryption_context(org, worker_id)) if api_key else None,
        plan=registration.plan,
        socket=registration.socket,
        attempt_ms=attempt_seconds * clock.SECOND if attempt_seconds else None,
        hours=registration.hours,
        alive=is_online,
        registered_at=now,
        updated_at=now,
        last_heartbeat_at=now,
        heartbeat_timeout_ms=timeout_ms,
        online_since=now if is_online else None,
        wake_at=now + timeout_ms if is_online else None,
    )


def read_api_key(worker: Worker) -> str | None:
    """The API key that the worker registered with, decrypted, for calling it. Raises encryption.Unsealable."""
    if not worker.sealed_key:
        return None
    return encryption.unseal(worker.sealed_key, _encryption_context(worker.org, worker.id))


def _encryption_context(org: str, worker_id: str) -> str:
    return f"{org}#{worker_id}"

"""In a pool, only one worker can have a URL to which tasks are sent: two would send one server more tasks than it can
take.

An item beside the worker says which worker has the URL; it is written in the worker's own transaction. It is valid only
while that worker exists and has that URL: another worker can take over the claim of one that was removed or moved.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import NamedTuple, TypeVar

from chalicelib import clock
from chalicelib.domain.tasks.worker import Worker
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, InvalidRequest
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem, Write
from chalicelib.storage.workers import worker_urls as storage
from chalicelib.storage.workers import workers as worker_storage
from chalicelib.storage.workers.worker_urls import Claim

T = TypeVar("T")

TASK_ENDPOINT = "predict"
"""The endpoint to which tasks are POSTed."""


class WorkerKey(NamedTuple):
    """Where a worker is stored."""

    org: str
    pool: str
    id: str


def check_endpoints(endpoints: Mapping[str, str]) -> None:
    """Raise InvalidRequest, naming the field, when an endpoint may not be called."""
    if not endpoints:
        return
    # Imported here, because only registering needs the outbound client: the other requests start faster without it.
    from chalicelib.providers.http import outbound

    for name, url in endpoints.items():
        try:
            outbound.check_url(url)
        except InvalidRequest as error:
            field = f"endpoints.{name}"
            raise InvalidRequest(f"{field}: {error.message}", fields={field: error.message}) from None


def write_with_claim(
    worker: WorkerKey, endpoints: Mapping[str, str], kind: str, write: Callable[[list[Write]], T]
) -> T:
    """Call `write` with the write that claims the worker's URL, if it has one, and return its result. `write` sends it
    as the second write of its transaction, and raises ConditionFailed when that is refused.

    Two calls more when another worker had the URL before. Raises Conflict, naming the worker, when one has it now.
    """
    url, abandoned = endpoints.get(TASK_ENDPOINT), None
    if url is None:
        return write([])

    def attempt() -> T:
        nonlocal abandoned
        claim = Claim(worker.id, clock.now())
        try:
            return write([storage.claim_write(worker.org, worker.pool, _digest(url), claim, abandoned)])
        except ConditionFailed as refused:
            if refused.failed[0] or not refused.failed[1]:
                raise
            abandoned = _abandoned_claim(worker, url, refused.items[1], kind)
            raise StaleRead from None

    return optimistic.retry(attempt)


def _abandoned_claim(worker: WorkerKey, url: str, stored: RawItem | None, kind: str) -> Claim | None:
    """The stored claim that refused the write, when its worker no longer has the URL. Raises Conflict when it has."""
    if stored is None:
        return None
    claim = storage.from_raw(stored)
    owner = worker_storage.find(worker.org, worker.pool, claim.worker_id)
    if owner is not None and not owner.removed and _digest(owner.endpoints.get(TASK_ENDPOINT, "")) == _digest(url):
        message = f"{kind} {owner.id} is registered with this URL already: remove it first, or name another URL"
        raise Conflict(message, worker_id=owner.id)
    return claim


def free_url(worker: Worker) -> None:
    """Free the URL of a removed worker. One call, none without a URL."""
    if TASK_ENDPOINT in worker.endpoints:
        with suppress(ConditionFailed):  # another worker has taken it over
            dynamodb.commit(
                storage.free_write(worker.org, worker.pool, _digest(worker.endpoints[TASK_ENDPOINT]), worker.id)
            )


def _digest(url: str) -> str:
    from chalicelib.providers.http import url_policy

    return payloads.digest(url_policy.canonical_url(url) if url else "")

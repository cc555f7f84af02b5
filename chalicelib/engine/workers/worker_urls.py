"""The URL to which tasks are handed is one worker's in its pool: a second worker there would get more of the server
than it has, and one that was forgotten would swallow work.

Who has which URL stands in an item beside the worker, written in the worker's own transaction. The item counts only as
long as its worker is there and has that URL: what a removed or moved worker left behind is taken over.
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

HANDED = "predict"
"""The endpoint to which tasks are POSTed."""
"""How often a URL is claimed again because somebody else had left it or took it in between."""


class Place(NamedTuple):
    """Which worker."""

    org: str
    pool: str
    id: str


def check(endpoints: Mapping[str, str]) -> None:
    """Raise InvalidRequest, naming the field, when an endpoint may not be called."""
    if not endpoints:
        return
    # Only who registers pays for the outbound client's import; the other requests of an API never call out.
    from chalicelib.providers.http import outbound

    for name, url in endpoints.items():
        try:
            outbound.check_url(url)
        except InvalidRequest as error:
            field = f"endpoints.{name}"
            raise InvalidRequest(f"{field}: {error.message}", fields={field: error.message}) from None


def claiming(worker: Place, endpoints: Mapping[str, str], kind: str, write: Callable[[list[Write]], T]) -> T:
    """What `write` answers when it is given the write of the worker's claim to its URL, if it has one, as the second of
    a transaction. `write` raises ConditionFailed when its transaction is refused.

    Two calls more where somebody had the URL before. Raises Conflict, naming the worker, where one listens there now.
    """
    url, left = endpoints.get(HANDED), None
    if url is None:
        return write([])

    def attempt() -> T:
        nonlocal left
        mine = Claim(worker.id, clock.now())
        try:
            return write([storage.claim_write(worker.org, worker.pool, _digest(url), mine, left)])
        except ConditionFailed as refused:
            if refused.failed[0] or not refused.failed[1]:
                raise
            left = _left_behind(worker, url, refused.items[1], kind)
            raise StaleRead from None

    return optimistic.retry(attempt)


def _left_behind(worker: Place, url: str, stored: RawItem | None, kind: str) -> Claim | None:
    """The claim that refused another one, if nothing stands behind it any more. Raises Conflict where a worker does."""
    if stored is None:
        return None
    claim = storage.from_raw(stored)
    owner = worker_storage.find(worker.org, worker.pool, claim.worker_id)
    if owner is not None and not owner.removed and _digest(owner.endpoints.get(HANDED, "")) == _digest(url):
        message = f"{kind} {owner.id} is registered with this URL already: remove it first, or name another URL"
        raise Conflict(message, worker_id=owner.id)
    return claim


def free(worker: Worker) -> None:
    """Free the URL of a worker that is gone. One call, none without a URL."""
    if HANDED in worker.endpoints:
        with suppress(ConditionFailed):  # another worker has it by now
            dynamodb.commit(storage.free_write(worker.org, worker.pool, _digest(worker.endpoints[HANDED]), worker.id))


def _digest(url: str) -> str:
    from chalicelib.providers.http import url_policy

    return payloads.digest(url_policy.canonical(url) if url else "")

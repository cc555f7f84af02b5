"""Store the pieces of a running task's output, as its worker sends them."""

from chalicelib.domain.chunks.chunk import MAX_OUTPUT_CHARS, Chunk
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Holder
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import InvalidRequest, LeaseLost, NotFound
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, RawItem
from chalicelib.storage.chunks import chunks as storage
from chalicelib.storage.tasks import table as task_table
from chalicelib.storage.tasks import tasks as task_storage


def append(org: str, pool: str, task_id: str, holder: Holder, chunk: Chunk) -> None:
    """Store a chunk of the output of the attempt that its holder works on. A chunk with a number that the attempt has
    changes nothing.

    The holder must name its lease or its attempt. One transaction, which holds the lease; one call more without a
    lease, and one more when the progress is lower than before. Raises NotFound, LeaseLost, InvalidRequest for an
    output that grows too long.
    """
    epoch = holder.epoch if holder.epoch is not None else _current_epoch(org, pool, task_id, holder)
    # DynamoDB does not accept numbers as small as a double can be.
    progress = round(chunk.progress, 3) if chunk.progress is not None else None
    chunk = chunk._replace(progress=progress)

    def attempt() -> None:
        nonlocal progress
        writes = (
            task_storage.held_check(task_id, org, pool, holder._replace(epoch=epoch)),
            storage.create_write(task_id, epoch, chunk),
            storage.add_to_state_write(task_id, epoch, chunk, progress),
        )
        try:
            dynamodb.commit(*writes)
        except ConditionFailed as error:
            task_failed, is_known, _ = error.failed
            if task_failed:
                raise _lease_error(org, pool, task_id, holder, error.items[0]) from None
            if is_known:
                return
            _require_room(chunk, error.items[2])
            progress = None  # a higher one is stored
            raise StaleRead from None

    optimistic.retry(attempt)


def _current_epoch(org: str, pool: str, task_id: str, holder: Holder) -> int:
    task = lifecycle.get(org, task_id, pool)
    transitions.require_holder(task, holder)
    return task.epoch


def _lease_error(org: str, pool: str, task_id: str, holder: Holder, stored: RawItem | None) -> Exception:
    task = task_table.from_raw(stored) if stored is not None else None
    if task is None or (task.org, task.pool) != (org, pool):
        return NotFound("Task", task_id)
    transitions.require_holder(task, holder)
    return LeaseLost(f"Worker {holder.worker_id} no longer holds task {task_id}", epoch=task.epoch)


def _require_room(chunk: Chunk, stored: RawItem | None) -> None:
    if storage.parse_state(stored).chars + len(chunk.text) > MAX_OUTPUT_CHARS:
        what = f"the attempt's output may have at most {MAX_OUTPUT_CHARS} characters; send the result"
        raise InvalidRequest(f"text: {what}", fields={"text": what})

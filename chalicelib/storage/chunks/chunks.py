"""The `chunks` table: the output of running tasks, piece by piece.

The partition is `<task id>#<epoch>`, so that the pieces of two attempts are never mixed; the sort key is the piece's
number. Number 0 is the attempt's own row, with what it has all in all. The table has no stream: each piece would wake
the relay. Pieces expire a day after they were written, because the task's result stays with the task. The attempt's own
row stays for as long as an ended task does, because it has the progress of a task that was not completed.
"""

from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.chunks.chunk import MAX_OUTPUT_CHARS, Chunk, OutputState
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import Item, RawItem, Write

RETENTION_MS = clock.DAY
PAGE = 120
"""Chunks that one query reads."""
_STATE = 0
"""The number of the row with an attempt's OutputState."""


class ChunkItem(Item):
    class Meta:
        setting = "chunks_table"
        ttl = "expires_at"

    output = UnicodeAttribute(hash_key=True)
    seq = NumberAttribute(range_key=True)
    text = UnicodeAttribute(null=True)
    chars = NumberAttribute(null=True)
    progress = NumberAttribute(null=True)
    expires_at_s = NumberAttribute(attr_name="expires_at")


def _output(task_id: str, epoch: int) -> str:
    return f"{task_id}#{epoch}"


def _expires_at_s(retention_ms: int = RETENTION_MS) -> int:
    return (clock.now() + retention_ms) // clock.SECOND


def create_write(task_id: str, epoch: int, chunk: Chunk) -> Write:
    """Build the write of a new chunk. It is refused if the attempt has a chunk with its number."""
    item = ChunkItem(
        _output(task_id, epoch), chunk.seq, text=chunk.text, progress=chunk.progress, expires_at_s=_expires_at_s()
    )
    return dynamodb.put(item, ChunkItem.seq.does_not_exist())


def add_to_state_write(task_id: str, epoch: int, chunk: Chunk, progress: float | None) -> Write:
    """Build the write that counts a new chunk for its attempt. It is refused if the output would grow too long; with a
    `progress`, which it sets, also if a higher one is stored."""
    chars: Any = ChunkItem.chars
    has_room: Condition = chars.does_not_exist() | (chars <= MAX_OUTPUT_CHARS - len(chunk.text))
    retention_ms = (settings().retention_days + 1) * clock.DAY
    actions = [chars.add(len(chunk.text)), ChunkItem.expires_at_s.set(_expires_at_s(retention_ms))]
    if progress is not None:
        has_room &= ChunkItem.progress.does_not_exist() | (ChunkItem.progress <= progress)
        actions.append(ChunkItem.progress.set(progress))
    return dynamodb.update(ChunkItem(_output(task_id, epoch), _STATE), actions, has_room)


def parse_state(raw: RawItem | None) -> OutputState:
    """The state that a refused write met."""
    return OutputState() if raw is None else _state(ChunkItem.from_raw_data(raw))


def find_state(task_id: str, epoch: int) -> OutputState:
    """What is stored of an attempt's output, all in all. One call."""
    with dynamodb.reading():
        try:
            return _state(ChunkItem.get(_output(task_id, epoch), _STATE, consistent_read=True))
        except ChunkItem.DoesNotExist:
            return OutputState()


def _state(item: ChunkItem) -> OutputState:
    return OutputState(int(item.chars or 0), _number(item.progress))


def _number(value: Any) -> float:
    """A stored number, whole where it is."""
    number = float(value or 0)
    return int(number) if number.is_integer() else number


def list_after(task_id: str, epoch: int, seq: int, limit: int = PAGE) -> list[Chunk]:
    """Up to `limit` chunks of an attempt with higher numbers, in order, as of now. One call for each megabyte."""
    with dynamodb.reading():
        rows = ChunkItem.query(
            _output(task_id, epoch),
            ChunkItem.seq > seq,
            consistent_read=True,
            limit=limit,
            page_size=limit,
        )
        return [Chunk(int(row.seq), row.text or "", _number(row.progress)) for row in rows]

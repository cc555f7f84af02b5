"""Let moto's streams forget records that have been read. Otherwise each change is kept until the process ends.

DynamoDB keeps records for a day. Here each stream has one reader, which does not read records again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from moto.dynamodb.models.table import StreamShard
from moto.dynamodbstreams.models import DynamoDBStreamsBackend

ITERATORS_KEPT = 1_000
"""How many iterators are kept. Each call creates one more. DynamoDB's are valid for five minutes."""
_get_by_moto, _get_records_by_moto = StreamShard.get, DynamoDBStreamsBackend.get_records


@contextmanager
def trimming() -> Iterator[None]:
    """Drop records before the place that is read, and old iterators, until the end of the block."""
    with (
        patch.object(StreamShard, "get", _get),
        patch.object(DynamoDBStreamsBackend, "get_records", _get_records),
    ):
        yield


def _get(shard: StreamShard, start: int, quantity: int) -> list[dict[str, Any]]:
    read = max(0, start - shard.starting_sequence_number)
    del shard.items[:read]
    # The numbers of later records are counted from here.
    shard.starting_sequence_number += read
    return _get_by_moto(shard, start, quantity)


def _get_records(backend: DynamoDBStreamsBackend, iterator_arn: str, limit: int) -> dict[str, Any]:
    answer = _get_records_by_moto(backend, iterator_arn, limit)
    while len(backend.shard_iterators) > ITERATORS_KEPT:
        del backend.shard_iterators[next(iter(backend.shard_iterators))]
    return answer

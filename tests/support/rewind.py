"""Reset a deployment on moto to an earlier state. This is faster than a new one for each test."""

import copyreg
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import LimitedSizeDict

from chalicelib import config
from tests.support import aws
from tests.support.world import World, clear_caches


def _rebuild(values: dict[str, Any]) -> LimitedSizeDict:
    """The attributes of an item, whose size was checked when it was stored: moto would check it for each of them."""
    attributes = LimitedSizeDict()
    dict.update(attributes, values)
    return attributes


copyreg.pickle(LimitedSizeDict, lambda attributes: (_rebuild, (dict(attributes),)))


class _Snapshot(NamedTuple):
    """The tables as they were after so many changes, table by table: their items, and how many records of changes there
    were."""

    changes: int
    items: dict[str, bytes]
    lengths: dict[str, int]

    @classmethod
    def take(cls) -> "_Snapshot":
        tables = _tables()
        items = {name: pickle.dumps(table.items) for name, table in tables.items()}
        return cls(aws.changes(), items, {name: len(_records(table)) for name, table in tables.items()})

    def restore(self) -> "_Snapshot":
        for name, table in _tables().items():
            records = _records(table)
            if not records or len(records) > self.lengths[name]:
                table.items = pickle.loads(self.items[name])
            del records[self.lengths[name] :]
        return self._replace(changes=aws.changes())


_latest: _Snapshot | None = None


@contextmanager
def rewinding(world: World) -> Iterator[None]:
    """At the end, reset tables, streams, queues, settings and clock to what they are now, but not random ids."""
    global _latest
    snapshot = _latest if _latest is not None and _latest.changes == aws.changes() else _Snapshot.take()
    queues = pickle.dumps([world.queues.queues, world.queues.dead, world.queues._seen])
    servers, calls, read, swept = dict(world.servers), len(world.calls), dict(world._read), world.swept_minute
    now, settings = world.clock.now(), config.settings()
    clear_caches()
    try:
        yield
    finally:
        _latest = snapshot if snapshot.changes == aws.changes() else snapshot.restore()
        world.queues.queues, world.queues.dead, world.queues._seen = pickle.loads(queues)
        world.servers, world._read, world.swept_minute = servers, read, swept
        del world.calls[calls:]
        world.clock._now = now
        config.restore(settings)
        clear_caches()


def stored_items() -> list[str]:
    """All items of all tables except rate limits and who called, read without AWS calls: many tests compare before and
    after."""
    table_items = (item for table in _tables().values() for item in table.all_items())
    return sorted(str(item.attrs) for item in table_items if not item.hash_key.value.startswith(("limit#", "caller#")))


def _tables() -> Any:
    return dynamodb_backends["123456789012"]["us-east-1"].tables


def _records(table: Any) -> list[Any]:
    return table.stream_shard.items if table.stream_shard else []

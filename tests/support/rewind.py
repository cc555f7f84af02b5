"""Reset a deployment on moto to an earlier state: cheaper than a new one if many tests begin alike."""

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.dynamodb.models import dynamodb_backends

from chalicelib import config
from tests.support.world import World, clear_caches


@contextmanager
def rewinding(world: World) -> Iterator[None]:
    """At the end, reset tables, streams, queues, settings and clock to what they are now. Chance and ids continue."""
    tables = _tables()
    items = {name: pickle.dumps(table.items) for name, table in tables.items()}
    lengths = {name: len(_records(table)) for name, table in tables.items()}
    queues = pickle.dumps([world.queues.queues, world.queues.dead, world.queues._seen])
    servers, calls, read, swept = dict(world.servers), len(world.calls), dict(world._read), world.swept_minute
    now, settings = world.clock.now(), config.settings()
    clear_caches()
    try:
        yield
    finally:
        for name, table in tables.items():
            table.items = pickle.loads(items[name])
            del _records(table)[lengths[name] :]
        world.queues.queues, world.queues.dead, world.queues._seen = pickle.loads(queues)
        world.servers, world._read, world.swept_minute = servers, read, swept
        del world.calls[calls:]
        world.clock._now = now
        config.restore(settings)
        clear_caches()


def stored_items() -> list[str]:
    """All items of all tables except rate limits, read without AWS calls: many tests compare before and after."""
    found = (item for table in _tables().values() for item in table.all_items())
    return sorted(str(item.attrs) for item in found if not item.hash_key.value.startswith("limit#"))


def _tables() -> Any:
    return dynamodb_backends["123456789012"]["us-east-1"].tables


def _records(table: Any) -> list[Any]:
    return table.stream_shard.items if table.stream_shard else []

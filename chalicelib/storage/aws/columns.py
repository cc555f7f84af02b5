"""Attributes and partition keys that several tables share."""

import json
import zlib
from typing import Any

from pynamodb.attributes import JSONAttribute

from chalicelib.config import settings


class CompactJson(JSONAttribute):
    """JSON text without padding: stored bytes are money."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def wake_shards() -> list[str]:
    """Every partition of the wake indexes."""
    return [f"wake#{number}" for number in range(settings().wake_shards)]


def wake_shard(identifier: str) -> str:
    """The partition of the wake index that this item belongs to."""
    return f"wake#{zlib.crc32(identifier.encode()) % settings().wake_shards}"

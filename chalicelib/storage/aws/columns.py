"""Attributes and partition keys that several tables share."""

import json
import zlib
from typing import Any

from pynamodb.attributes import Attribute, JSONAttribute
from pynamodb.constants import BINARY

from chalicelib.config import settings


class CompactJson(JSONAttribute):
    """JSON text without padding: stored bytes are money."""

    def serialize(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


class CompressedText(Attribute[str]):
    """A long text, compressed: one that repeats itself, as markup does, costs a fraction."""

    attr_type = BINARY

    def serialize(self, value: str) -> bytes:
        return zlib.compress(value.encode())

    def deserialize(self, value: bytes) -> str:
        return zlib.decompress(value).decode()


def wake_shards() -> list[str]:
    """Every partition of the wake indexes."""
    return [f"wake#{number}" for number in range(settings().wake_shards)]


def wake_shard(identifier: str) -> str:
    """The partition of the wake index that this item belongs to."""
    return f"wake#{zlib.crc32(identifier.encode()) % settings().wake_shards}"

"""JSON values of a task, its payload and result: a small one is stored in the task's item, a large one in S3."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Literal, TypeVar

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest
from chalicelib.storage.aws import s3
from chalicelib.storage.tasks import table as task_table

T = TypeVar("T")

MAX_METADATA_CHARS = 16_000
"""Characters of JSON. Every copy of an item contains its metadata, and all workers of a pool are read at once."""


def compact_json(value: Any) -> str:
    """Compact JSON; keys keep their order."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def answer_chars(value: Any) -> int:
    """The characters of a JSON value in an answer. Lambda's runtime writes letters beyond ASCII as escapes, six or
    twelve characters for one."""
    return len(json.dumps(value, separators=(",", ":")))


def that_fit(items: Iterable[T], chars: Callable[[T], int], most: int) -> Iterator[T]:
    """As many of the items as fit into one answer of `most` characters, at least one."""
    size = 0
    for number, item in enumerate(items):
        size += chars(item)
        if number and size > most:
            return
        yield item


def digest(value: Any) -> str:
    """The SHA-256 of a JSON value, the same for any order of keys and any spelling of numbers (2, 2.0, 0.2e1)."""
    canonical = json.dumps(_canonical(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: Any) -> Any:
    """The value with every whole number as an integer, which is exact at any size."""
    match value:
        case float() if value.is_integer():
            return int(Decimal(repr(value)))  # the number as it was written: int(1e23) is another one
        case Mapping():
            return {name: _canonical(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_canonical(inner) for inner in value]
        case _:
            return value


def s3_prefix(org: str, pool: str, task_id: str, part: Literal["payload", "result"] | None = None) -> str:
    """The prefix of the S3 keys of a task, or of one part of it. S3 itself deletes objects under `expiring/`."""
    root = "kept" if task_table.is_managed(pool) else s3.EXPIRING
    return "/".join([root, org, task_id, *([part] if part else [])])


def store_if_large(prefix: str, value: Any) -> tuple[Any, str | None]:
    """Store a large value in S3, with one call, and return (None, reference). Return (value, None) for a small one."""
    if value is None:
        return None, None
    text = compact_json(value)
    if len(text.encode()) <= settings().inline_limit_bytes:
        return value, None
    return None, s3.store_json(prefix, text, digest(value))


def load(value: Any, reference: str | None) -> Any:
    """Return the value, loaded from S3 if there is a reference."""
    return value if reference is None else s3.load_json(reference)


def require_small_metadata(metadata: Any) -> None:
    """Raise InvalidRequest for metadata of more than MAX_METADATA_CHARS."""
    if metadata and len(compact_json(metadata)) > MAX_METADATA_CHARS:
        what = f"must be at most {MAX_METADATA_CHARS} characters as JSON, all in all"
        raise InvalidRequest(f"metadata: {what}", fields={"metadata": what})

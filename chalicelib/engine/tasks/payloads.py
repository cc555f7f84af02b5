"""JSON values that travel with a task: beside it while they are small, in S3 once they are large."""

import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest
from chalicelib.storage.aws import s3
from chalicelib.storage.tasks import table as task_table

MAX_METADATA_CHARS = 16_000
"""Characters of JSON. Metadata travel with every copy of an item, and a pool's workers are read all at once."""


def compact_json(value: Any) -> str:
    """Compact JSON, in the order given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(value: Any) -> str:
    """A digest of a JSON value: the same for any order of its keys and any spelling of its numbers (2, 2.0, 0.2e1)."""
    canonical = json.dumps(_canonical(value), separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


def _canonical(value: Any) -> Any:
    """The value with every whole number as an integer. Integers stay exact, however large they are."""
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
    """Where S3 keeps what is large of a task, or one part of it. What lies under `expiring/` S3 itself removes."""
    shelf = "kept" if task_table.is_managed(pool) else s3.EXPIRING
    return "/".join([shelf, org, task_id, *([part] if part else [])])


def store_if_large(prefix: str, value: Any) -> tuple[Any, str | None]:
    """Where the value goes: (value, None) to be stored in the item, (None, reference) once it was put into S3."""
    if value is None:
        return None, None
    found = compact_json(value)
    if len(found.encode()) <= settings().inline_limit_bytes:
        return value, None
    return None, s3.store_json(prefix, found, digest(value))


def load(value: Any, reference: str | None) -> Any:
    """The value, wherever it is."""
    return value if reference is None else s3.load_json(reference)


def require_small_metadata(metadata: Any) -> None:
    """Raise InvalidRequest for metadata that are too large to be kept."""
    if metadata and len(compact_json(metadata)) > MAX_METADATA_CHARS:
        what = f"must be at most {MAX_METADATA_CHARS} characters as JSON, all in all"
        raise InvalidRequest(f"metadata: {what}", fields={"metadata": what})

"""Checks of a submission's payload before it is stored."""

from typing import Any

from chalicelib.config import settings
from chalicelib.engine.tasks import payloads
from chalicelib.errors import TooLarge
from chalicelib.providers.performers import registry


def validate_payload(pool: str, name: str, payload: Any) -> None:
    """Raise pydantic's ValidationError for a payload that the built-in performer of this type, if any, cannot use."""
    performer = registry.find_performer(pool, name)
    if performer is not None:
        performer.input.model_validate(payload)


def require_inline_size(payload: Any, what: str) -> None:
    """Raise TooLarge for a payload that does not fit into the task's item, and so into one WebSocket frame."""
    limit, size = settings().inline_limit_bytes, len(payloads.compact_json(payload).encode())
    if size > limit:
        raise TooLarge(
            f"{what}: has {size} bytes as JSON; at most {limit} are accepted",
            fields={what: f"must have at most {limit} bytes as JSON"},
        )

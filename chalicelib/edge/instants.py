"""Instants as callers write them: ISO 8601, in UTC unless they say otherwise."""

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema


def parse_instant(text: Any) -> datetime:
    """Parse an ISO 8601 date, or date and time; UTC by default. Raises ValueError."""
    try:
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise ValueError("must be a date, or a date and time (ISO 8601)") from None
    if instant.year < 1970:
        raise ValueError("must be 1970 or later")
    return instant


def _to_epoch_ms(text: Any) -> int:
    return round(parse_instant(text).timestamp() * 1000)


InstantMs = Annotated[
    int,
    BeforeValidator(_to_epoch_ms),
    WithJsonSchema({"type": "string", "format": "date-time"}),
    Field(description="ISO 8601, inclusive; without an offset it is UTC."),
]
"""An instant in epoch milliseconds."""

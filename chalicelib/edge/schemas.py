"""Bases of the request and response models."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from chalicelib import clock


def _format_naive(instant: int) -> str:
    return clock.utc(instant).replace(tzinfo=None).isoformat(timespec="microseconds")


NaiveInstant = Annotated[
    int,
    PlainSerializer(_format_naive, return_type=str),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}$",
            "examples": ["2026-01-27T05:54:06.050535"],
        },
        mode="serialization",
    ),
]
"""An instant in epoch milliseconds, shown as ISO 8601 in UTC with microseconds and without a zone."""


def _format_zoned(instant: int) -> str:
    return clock.iso(instant)


Instant = Annotated[
    int,
    PlainSerializer(_format_zoned, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00Z"]}, mode="serialization"
    ),
]
"""An instant in epoch milliseconds, shown as ISO 8601 in UTC, in whole seconds with Z."""


SECRET: Any = Field(json_schema_extra={"format": "password", "writeOnly": True})
"""`Annotated[str, SECRET]`: a field whose value, or any part of it, no error repeats."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class Schema(BaseModel):
    """A body whose fields are spelled as in Python. Unknown fields are ignored; NaN and infinities are refused.

    The text of validation errors holds no values, because it may end up in the log.
    """

    media_type: ClassVar[str] = JSON
    """The media type of the body."""

    model_config = ConfigDict(defer_build=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)


class ClosedSchema(Schema):
    """A body whose unknown fields are refused, because to ignore one would be to do something else than was asked."""

    model_config = ConfigDict(extra="forbid")


class CamelSchema(Schema):
    """A body whose fields are camelCase in JSON and snake_case in Python."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class FormSchema(Schema):
    """A body that is an urlencoded form, as browsers and OAuth clients send it; its fields are spelled as in Python."""

    media_type = FORM


class MultipartSchema(CamelSchema):
    """A body of named parts, some of which may be files: fields of the type FilePart."""

    media_type = MULTIPART

"""Bases of the request and response models."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel

from chalicelib import clock


def _naive(instant: int) -> str:
    return clock.utc(instant).replace(tzinfo=None).isoformat(timespec="microseconds")


NaiveInstant = Annotated[
    int,
    PlainSerializer(_naive, return_type=str),
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


def _zoned(instant: int) -> str:
    return clock.utc(instant).strftime("%Y-%m-%dT%H:%M:%SZ")


Instant = Annotated[
    int,
    PlainSerializer(_zoned, return_type=str),
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00Z"]}, mode="serialization"
    ),
]
"""An instant in epoch milliseconds, shown as ISO 8601 in UTC, in whole seconds with Z."""


SECRET: Any = Field(json_schema_extra={"format": "password", "writeOnly": True})
"""`Annotated[str, SECRET]`: a field whose value no error repeats, nor that of anything in it."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


class Schema(BaseModel):
    """A body whose fields are spelled as in Python. Unknown fields are ignored; NaN and infinities are refused.

    Values are kept out of the text of validation errors, because that text may end up in the log.
    """

    media_type: ClassVar[str] = JSON
    """How it is sent."""

    model_config = ConfigDict(defer_build=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)


class CamelSchema(Schema):
    """A body whose fields are camelCase on the wire and snake_case in Python."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class FormSchema(Schema):
    """A body that is an urlencoded form, as browsers send and OAuth has it; its fields are spelled as in Python."""

    media_type = FORM


class MultipartSchema(CamelSchema):
    """A body of named parts, some of which may be files: fields of the type FilePart."""

    media_type = MULTIPART

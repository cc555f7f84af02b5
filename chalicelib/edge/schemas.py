"""Bases of the request and response models."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Schema(BaseModel):
    """A body whose fields are spelled as in Python. Unknown fields are ignored; NaN and infinities are refused.

    Values are kept out of the text of validation errors, because that text may end up in the log.
    """

    model_config = ConfigDict(defer_build=True, extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)


class CamelSchema(Schema):
    """A body whose fields are camelCase on the wire and snake_case in Python."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

"""What clients say over a WebSocket: JSON frames, told apart by `type`, each read by a model of its own."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.edge.dialects import Dialect
from chalicelib.edge.json_body import json_value
from chalicelib.edge.validation_errors import explain, refusal
from chalicelib.errors import InvalidRequest, YardmasterError

Frame = Mapping[str, Any]


class Hears(NamedTuple):
    """What becomes of one type of frame: `handle(connection, model)` answers with a frame, or says nothing."""

    model: type[BaseModel]
    handle: Callable[[Any, Any], Frame | None]


def read(text: str, vocabulary: Mapping[str, Hears]) -> tuple[Hears, BaseModel]:
    """The frame and what is to become of it. Raises InvalidRequest, which says what would be right."""
    said = json_value(text, "frame")
    hears = vocabulary.get(_type(said))
    if hears is None:
        listed = ", ".join(vocabulary)
        raise InvalidRequest(f"type: must be one of: {listed}", fields={"type": f"must be one of: {listed}"})
    try:
        return hears, hears.model.model_validate(said)
    except ValidationError as error:
        raise refusal(explain(error, hears.model.model_json_schema())) from None


def _type(said: Any) -> str:
    found = said.get("type") if isinstance(said, dict) else None
    if isinstance(found, str):
        return found
    raise InvalidRequest('A frame must be a JSON object with a type, such as {"type": "pong"}')


def error_frame(error: YardmasterError, dialect: Dialect) -> dict[str, Any]:
    """The frame of an error, in the words of the API's own errors."""
    return {"type": "error", **from_json(dialect.error(error, ""))}

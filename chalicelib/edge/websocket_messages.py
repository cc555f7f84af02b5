"""Frames that clients send over a WebSocket: JSON objects, each validated by the model of its `type`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from chalicelib.edge.dialects import Dialect
from chalicelib.edge.json_body import read_json
from chalicelib.edge.validation_errors import find_problems, problems_error
from chalicelib.errors import InvalidRequest, YardmasterError

Frame = Mapping[str, Any]


class FrameHandler(NamedTuple):
    """Handles one type of frame: `handle(connection, model)` returns the frame to answer with, or None."""

    model: type[BaseModel]
    handle: Callable[[Any, Any], Frame | None]


def read_frame(text: str, handlers: Mapping[str, FrameHandler]) -> tuple[FrameHandler, BaseModel]:
    """The handler of a frame, and the frame as its model. Raises InvalidRequest, which says what would be right."""
    value = read_json(text, "frame")
    handler = handlers.get(_frame_type(value))
    if handler is None:
        listed = ", ".join(handlers)
        raise InvalidRequest(f"type: must be one of: {listed}", fields={"type": f"must be one of: {listed}"})
    try:
        return handler, handler.model.model_validate(value)
    except ValidationError as error:
        raise problems_error(find_problems(error, handler.model.model_json_schema())) from None


def _frame_type(value: Any) -> str:
    frame_type = value.get("type") if isinstance(value, dict) else None
    if isinstance(frame_type, str):
        return frame_type
    raise InvalidRequest('A frame must be a JSON object with a type, such as {"type": "pong"}')


def error_frame(error: YardmasterError, dialect: Dialect) -> dict[str, Any]:
    """The frame of an error, as the API's dialect renders it."""
    return {"type": "error", **from_json(dialect.error(error, ""))}

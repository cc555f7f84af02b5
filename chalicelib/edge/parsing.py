"""JSON from outside, as values that can be stored and answered."""

from typing import Any

from pydantic_core import from_json

from chalicelib.errors import InvalidRequest


def json_value(text: bytes | str, what: str) -> Any:
    """The value of a JSON text; `what` is its name in errors, such as "body". Raises InvalidRequest.

    The standard library's parser would let lone surrogates through, which cannot be stored.
    """
    try:
        value = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"The {what} is not valid JSON: {error}") from None
    if not _finite(value):
        raise InvalidRequest(f"The {what} is not valid JSON: a number in it is too large for a double")
    return value


def _finite(value: Any) -> bool:
    """Whether no number in it overflowed, as 1e400 does: an infinity can be neither stored nor answered."""
    match value:
        case float():
            return value - value == 0
        case dict():
            return all(map(_finite, value.values()))
        case list():
            return all(map(_finite, value))
        case _:
            return True

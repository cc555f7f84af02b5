"""JSON from outside, as values that can be stored and answered."""

import json
from typing import Any

from pydantic_core import from_json

from chalicelib.errors import InvalidRequest

SHOWN = 60
"""Characters of a name that an error repeats."""
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_MARK_BYTES = _MARK.encode()


class _Repeated(Exception):
    """An object names something twice."""


def json_value(text: bytes | str, what: str) -> Any:
    """The value of a JSON text; `what` is its name in errors, such as "body". Raises InvalidRequest.

    A byte order mark before it is skipped (RFC 8259, section 8.1). An object that has a name twice is refused: which of
    the two counts depends on who reads it. The standard library's parser would let lone surrogates through, which
    cannot be stored.
    """
    text = text.removeprefix(_MARK_BYTES) if isinstance(text, bytes) else text.removeprefix(_MARK)
    try:
        value = from_json(text, allow_inf_nan=False)
        json.loads(text, object_pairs_hook=_refuse_repeated, parse_int=len, parse_float=len)
    except ValueError as error:
        raise InvalidRequest(f"The {what} is not valid JSON: {error}") from None
    except _Repeated as repeated:
        raise InvalidRequest(f"The {what} names {repeated} more than once in one object") from None
    if not _finite(value):
        raise InvalidRequest(f"The {what} is not valid JSON: a number in it is too large for a double")
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Repeated(json.dumps(name[:SHOWN], ensure_ascii=False))
        seen.add(name)


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

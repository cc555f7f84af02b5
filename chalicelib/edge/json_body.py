"""Read JSON of requests into values that can be stored and sent back."""

import json
from typing import Any

from pydantic_core import from_json

from chalicelib.errors import InvalidRequest

MAX_SHOWN_CHARS = 60
"""Characters of a name that an error repeats."""
_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
_MARK_BYTES = _MARK.encode()


class _Repeated(Exception):
    """An object has a name twice."""


def read_json(text: bytes | str, what: str) -> Any:
    """The value of a JSON text; `what` is its name in errors, such as "body". Raises InvalidRequest.

    A byte order mark before it is skipped (RFC 8259, section 8.1). An object that has a name twice is refused: readers
    differ in which of the two they take. The standard library's parser would let lone surrogates through, which
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
    if not _is_finite(value):
        raise InvalidRequest(f"The {what} is not valid JSON: a number in it is too large for a double")
    return value


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise _Repeated(json.dumps(name[:MAX_SHOWN_CHARS], ensure_ascii=False))
        seen.add(name)


def _is_finite(value: Any) -> bool:
    """Whether no number in it is infinite, as 1e400 becomes: an infinity can be neither stored nor sent back."""
    match value:
        case float():
            return value - value == 0
        case dict():
            return all(map(_is_finite, value.values()))
        case list():
            return all(map(_is_finite, value))
        case _:
            return True

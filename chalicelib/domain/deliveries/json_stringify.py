"""Write JSON as JavaScript does, so that `JSON.stringify(JSON.parse(text)) === text`.

A receiver whose framework has parsed the body can get the signed bytes back only in this way (coordinaitor.md,
"Signature Verification").
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ARRAY_INDEX = re.compile("0|[1-9][0-9]{0,9}")
_MAX_ARRAY_INDEX = 2**32 - 1
_MAX_EXACT_INTEGER = 2**53
_FIXED_DIGITS, _FIXED_ZEROS = 21, 6
"""JavaScript writes a number without an exponent if it has at most 21 digits, or at most 6 zeros after the point."""


def stringify(value: Any) -> str:
    """Write a JSON value as compact text. Raises TypeError for a value that JSON does not have.

    Non-ASCII characters are not escaped. Keys keep their order, but array indices come first, in numeric order, as in
    JavaScript. Numbers are rounded to doubles."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return _quote(value)
        case int() | float():
            return _format_number(value)
        case Mapping():
            members = sorted(value.items(), key=lambda member: _sort_key(member[0]))
            return "{" + ",".join(f"{_quote(name)}:{stringify(member_value)}" for name, member_value in members) + "}"
        case Sequence():
            return "[" + ",".join(stringify(item) for item in value) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _quote(text: str) -> str:
    # JavaScript reads two adjacent halves of a surrogate pair as one character.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _has_surrogates(text) else text
    return _LONE_SURROGATE.sub(lambda surrogate: f"\\u{ord(surrogate[0]):04x}", json.dumps(whole, ensure_ascii=False))


def _has_surrogates(text: str) -> bool:
    return _LONE_SURROGATE.search(text) is not None


def _sort_key(name: str) -> tuple[bool, int]:
    is_index = _ARRAY_INDEX.fullmatch(name) is not None and int(name) < _MAX_ARRAY_INDEX
    return (not is_index, int(name) if is_index else 0)


def _format_number(value: float) -> str:
    if isinstance(value, int) and abs(value) <= _MAX_EXACT_INTEGER:
        return str(value)
    try:
        double = float(value)
    except OverflowError:
        return "null"
    if double in (float("inf"), float("-inf")) or double != double:
        return "null"
    return _format_double(double)


def _format_double(double: float) -> str:
    """Format it as ECMAScript's Number::toString does: the shortest digits that identify the double."""
    sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    assert isinstance(exponent, int)
    shown, point = "".join(map(str, digits)), len(digits) + exponent
    if shown == "0":
        return "0"
    return ("-" if sign else "") + _place_point(shown, point)


def _place_point(digits: str, point: int) -> str:
    """Put the decimal point after the first `point` digits."""
    if len(digits) <= point <= _FIXED_DIGITS:
        return digits.ljust(point, "0")
    if 0 < point <= _FIXED_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if -_FIXED_ZEROS < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"

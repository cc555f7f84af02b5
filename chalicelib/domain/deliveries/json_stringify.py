"""JSON as JavaScript writes it: `JSON.stringify(JSON.parse(text)) === text`.

A receiver whose framework parsed the body has only that way back to the bytes that were signed (coordinaitor.md,
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
"""JavaScript writes a number without an exponent up to so many digits, and with up to so many zeros after the point."""


def stringify(value: Any) -> str:
    """A JSON value as compact text, non-ASCII unescaped, keys in the order given except those that read as array
    indices: JavaScript puts them first, in numeric order. Numbers are what a double can hold of them."""
    match value:
        case None | bool():
            return json.dumps(value)
        case str():
            return _quote(value)
        case int() | float():
            return _format_number(value)
        case Mapping():
            members = sorted(value.items(), key=lambda member: _sort_key(member[0]))
            return "{" + ",".join(f"{_quote(name)}:{stringify(held)}" for name, held in members) + "}"
        case Sequence():
            return "[" + ",".join(stringify(one) for one in value) + "]"
    raise TypeError(f"{type(value).__name__} is not JSON")


def _quote(said: str) -> str:
    # Halves of a pair that stand side by side are one character to JavaScript.
    whole = said.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass") if _has_surrogates(said) else said
    return _LONE_SURROGATE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(whole, ensure_ascii=False))


def _has_surrogates(said: str) -> bool:
    return _LONE_SURROGATE.search(said) is not None


def _sort_key(name: str) -> tuple[bool, int]:
    index = _ARRAY_INDEX.fullmatch(name) is not None and int(name) < _MAX_ARRAY_INDEX
    return (not index, int(name) if index else 0)


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
    """As ECMAScript's Number::toString has it: the shortest digits, laid out by its own rules."""
    sign, digits, exponent = Decimal(repr(double)).normalize().as_tuple()
    assert isinstance(exponent, int)
    shown, point = "".join(map(str, digits)), len(digits) + exponent
    if shown == "0":
        return "0"
    return ("-" if sign else "") + _place_point(shown, point)


def _place_point(digits: str, point: int) -> str:
    """The digits with their decimal point after the first `point` of them."""
    if len(digits) <= point <= _FIXED_DIGITS:
        return digits.ljust(point, "0")
    if 0 < point <= _FIXED_DIGITS:
        return f"{digits[:point]}.{digits[point:]}"
    if -_FIXED_ZEROS < point <= 0:
        return "0." + "0" * -point + digits
    mantissa = digits if len(digits) == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{mantissa}e{point - 1:+d}"

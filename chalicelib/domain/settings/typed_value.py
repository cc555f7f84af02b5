"""A value whose type its owner names: text, whole number, yes or no, or any JSON."""

import json
from typing import Any, Literal, get_args

ValueType = Literal["string", "int", "bool", "json"]
TYPES: tuple[ValueType, ...] = get_args(ValueType)
MAX_VALUE_CHARS = 4_000
"""Characters of the value's JSON."""
MAX_INT = 2**53
"""Above it, and below its negative, not every program reads the number that was written."""


def problem(kind: ValueType, value: Any) -> str | None:
    """What a value of this type must be instead; None for one that fits."""
    if len(json.dumps(value, separators=(",", ":"), ensure_ascii=False)) > MAX_VALUE_CHARS:
        return f"must be at most {MAX_VALUE_CHARS} characters as JSON"
    match kind:
        case "string":
            return None if isinstance(value, str) else "must be a string"
        case "int":
            is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_INT
            return None if is_whole else "must be an integer between -2^53 and 2^53"
        case "bool":
            return None if isinstance(value, bool) else "must be true or false"
        case "json":
            return None

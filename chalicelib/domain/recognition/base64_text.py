"""Files that come as base64 texts: in either alphabet, with or without padding, line breaks or a `data:` prefix."""

import binascii
import re
from typing import Annotated, Any

from pydantic import WithJsonSchema
from pydantic_core import core_schema

_DATA_PREFIX = re.compile(r"\s*data:[^,]{0,200};base64\s*,", re.IGNORECASE)
_OTHER_ALPHABET = str.maketrans("-_", "+/")
_WHITESPACE = re.compile(r"\s+")
_CANNOT_BE = 1
"""What is left of the length divided by four when a character is missing: a single one encodes no byte."""


def decode_base64(text: str) -> bytes:
    """The content of a base64 text. Raises ValueError, whose message repeats nothing of it."""
    prefix = _DATA_PREFIX.match(text)
    digits = _WHITESPACE.sub("", text[prefix.end() if prefix else 0 :]).rstrip("=").translate(_OTHER_ALPHABET)
    if not digits:
        raise ValueError("must be base64 of a file, and is empty")
    if len(digits) % 4 == _CANNOT_BE:
        raise ValueError("must be base64 of a file; a character is missing or too many")
    try:
        return binascii.a2b_base64(digits + "=" * (-len(digits) % 4), strict_mode=True)
    except ValueError:
        raise ValueError("must be base64 of a file: letters, digits, + and /, or - and _") from None


class _DecodesText:
    """Has pydantic validate a text and decode it."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(decode_base64, core_schema.str_schema(min_length=1))


Base64File = Annotated[
    bytes, _DecodesText(), WithJsonSchema({"type": "string", "minLength": 1, "contentEncoding": "base64"})
]
"""A field of a model that comes as base64 and is the file's content."""

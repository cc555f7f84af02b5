"""Contents of files as they are sent in JSON."""

import base64
import binascii
from typing import Literal

from chalicelib.errors import InvalidRequest

Encoding = Literal["utf-8", "base64"]


def decode_content(content: str, encoding: Encoding) -> bytes:
    """The bytes of a content that is sent as text, or as base64. Raises InvalidRequest."""
    if encoding == "utf-8":
        return content.encode()
    try:
        return base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        problem = "is not base64: it has characters or a length that base64 does not have"
        raise InvalidRequest(f"content {problem}", fields={"content": problem}) from None

"""Read multipart bodies (RFC 7578), within limits: their texts and files.

The parser is python-multipart's, imported on first use. This module checks what it leaves to its callers: whether the
last boundary came, how many parts there are and how large, and the names of files.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_to_bytes

from pydantic import InstanceOf, WithJsonSchema

from chalicelib.edge.forms import MAX_FIELDS, require_unique, shown_name
from chalicelib.errors import InvalidRequest, TooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_HEADERS = 8
"""Of one part."""
MAX_HEADER_BYTES = 4_096
"""In bytes, name and value together."""
MAX_FIELD_BYTES = 100_000
"""In bytes, of a part that is not a file."""
MAX_FILENAME_BYTES = 255
"""In bytes of UTF-8: what common file systems can hold."""
MAX_SUFFIX_BYTES = 20
DEFAULT_FILENAME = "file"
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}
"""Control and formatting characters: with them a name can look like another one."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Persian and several scripts of India need them, and some emojis are several characters joined by them."""
_REPEATED = re.compile(f"([{_JOINERS}])[{_JOINERS}]+")
_EDGE = re.compile(rf"^[\s{_JOINERS}]+|[\s{_JOINERS}]+$")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_EXTENDED = re.compile(r";\s*filename\*(?:\d+\*?)?\s*=\s*([^;\s]*)", re.IGNORECASE)
_IDENTITY_ENCODINGS = {"", "7bit", "8bit", "binary"}


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file."""

    filename: str
    """The last part of the path that was sent, without control characters, at most MAX_FILENAME_BYTES."""
    content_type: str
    """The media type that the client names, without parameters and in lower case; empty when it names none."""
    content: bytes = field(repr=False)


FilePart = Annotated[InstanceOf[Upload], WithJsonSchema({"type": "string", "format": "binary"})]
"""A field of a MultipartSchema that takes a file."""


def multipart_fields(body: bytes, content_type: str) -> Mapping[str, str | Upload]:
    """The parts by name: texts and files. An empty file input is left out.

    Raises InvalidRequest for a body that is not well formed or repeats a part, TooLarge beyond a limit.
    """
    from python_multipart.multipart import MultipartParser, parse_options_header

    parts = _Parts(lambda header: _with_extended_filename(parse_options_header(header)[1], header))
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise InvalidRequest("The Content-Type names no boundary between the parts")
        limits = {"max_header_count": MAX_HEADERS, "max_header_size": MAX_HEADER_BYTES}
        MultipartParser(boundary, parts.callbacks(), **limits).write(_from_first_boundary(boundary, body))
    except ValueError as error:  # the parser's own errors, and text that is not UTF-8
        raise InvalidRequest(f"The body is not well-formed multipart/form-data: {_error_text(error)}") from None
    if not parts.complete:
        raise InvalidRequest("The body is not well-formed multipart/form-data: the last boundary is missing")
    return require_unique(parts.parts)


def _from_first_boundary(boundary: bytes, body: bytes) -> bytes:
    """The body from its first boundary on: text before it is ignored (RFC 2046, 5.1.1)."""
    line = b"--" + boundary
    if body.startswith(line):
        return body
    _, found, rest = body.partition(b"\r\n" + line)
    if not found:
        raise InvalidRequest("The body is not well-formed multipart/form-data: the boundary that is named is not in it")
    return line + rest


def _with_extended_filename(options: dict[bytes, bytes], header: str) -> dict[bytes, bytes]:
    """The parameters of a Content-Disposition, with the file's name where only `filename*` gives it (RFC 5987).

    Forms should not have that (RFC 7578, section 4.2), but some clients send it.
    """
    extended = _EXTENDED.search(_QUOTED.sub('""', header))
    if extended is None or b"filename" in options:
        return options
    charset, *language_and_name = extended[1].split("'", 2)
    if charset.lower() != "utf-8" or len(language_and_name) != 2:
        raise InvalidRequest("A part of the body has a filename* that is not UTF-8''<percent-encoded>; send filename")
    return options | {b"filename": unquote_to_bytes(language_and_name[1])}


def _error_text(error: ValueError) -> str:
    return "a name or text is not UTF-8" if isinstance(error, UnicodeError) else str(error)


class _Parts:
    """Collects the parts from the parser's callbacks."""

    def __init__(self, options: Callable[[str], dict[bytes, bytes]]) -> None:
        self.parts: list[tuple[str, str | Upload]] = []
        self.complete = False
        self._options = options
        self._part_count = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin_part(self) -> None:
        self._part_count += 1
        if self._part_count > MAX_FIELDS:
            raise TooLarge(f"The body has more than {MAX_FIELDS} parts")
        self._headers: dict[str, str] = {}
        self._name, self._value, self._content = b"", b"", bytearray()

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name = self._value = b""

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end_part(self) -> None:
        options = self._options(self._headers.get("content-disposition", ""))
        if b"name" not in options:
            raise InvalidRequest("A part of the body has no name in its Content-Disposition")
        if self._headers.get("content-transfer-encoding", "").lower() not in _IDENTITY_ENCODINGS:
            raise InvalidRequest("A part of the body has a Content-Transfer-Encoding; send it as it is")
        name, filename = options[b"name"].decode(), options.get(b"filename")
        if filename is None:
            self.parts.append((name, self._text(name)))
        elif filename or self._content:
            claimed = self._headers.get("content-type", "").partition(";")[0].strip().lower()
            self.parts.append((name, Upload(safe_filename(filename.decode()), claimed, bytes(self._content))))

    def _text(self, name: str) -> str:
        if len(self._content) > MAX_FIELD_BYTES:
            raise TooLarge(f"{shown_name(name)} has {len(self._content)} bytes; at most {MAX_FIELD_BYTES} are accepted")
        return self._content.decode()

    def _end(self) -> None:
        self.complete = True


def safe_filename(sent_name: str) -> str:
    """A name that a file can be shown and saved under: no path, no invisible characters but single joiners between
    others, not too long, never empty."""
    last = unicodedata.normalize("NFC", sent_name).replace("\\", "/").rpartition("/")[2]
    visible = "".join(char for char in last if char in _JOINERS or unicodedata.category(char) not in _INVISIBLE)
    name = _EDGE.sub("", _REPEATED.sub(r"\1", visible))
    return _shorten(name) if name.strip(f". {_JOINERS}") else DEFAULT_FILENAME


def _shorten(name: str) -> str:
    """The name in at most MAX_FILENAME_BYTES bytes: a long one loses the end of its stem, not its suffix, in whole
    characters as readers see them (grapheme clusters)."""
    if len(name.encode()) <= MAX_FILENAME_BYTES:
        return name
    suffix = PurePosixPath(name).suffix
    ending = suffix if len(suffix.encode()) <= MAX_SUFFIX_BYTES else ""
    max_bytes = MAX_FILENAME_BYTES - len(ending.encode())
    return _EDGE.sub("", _first_characters(name.removesuffix(ending), max_bytes) + ending)


def _first_characters(text: str, max_bytes: int) -> str:
    """As many whole characters as fit into `max_bytes`; one character that is longer by itself is cut."""
    import regex

    size = 0
    for character in regex.finditer(r"\X", text):
        size += len(character[0].encode())
        if size > max_bytes:
            return text[: character.start()] or text.encode()[:max_bytes].decode(errors="ignore")
    return text

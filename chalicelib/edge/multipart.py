"""Bodies of several parts (RFC 7578), with every limit set, and the files among the parts.

The parser is python-multipart's, imported on first use. What it leaves to its callers is done here: whether the last
boundary came, how many parts there are and how large, and what a file may be called.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote_to_bytes

from pydantic import InstanceOf, WithJsonSchema

from chalicelib.edge.forms import MOST_FIELDS, by_name, named
from chalicelib.errors import InvalidRequest, TooLarge

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_HEADERS = 8
"""Of one part."""
LARGEST_HEADER = 4_096
"""In bytes, name and value together."""
LARGEST_FIELD = 100_000
"""In bytes, of a part that is no file."""
LONGEST_FILENAME = 255
"""In bytes of UTF-8: what common file systems can hold."""
LONGEST_SUFFIX = 20
UNNAMED = "file"
_UNSEEN = {"Cc", "Cf", "Zl", "Zp"}
"""Control and formatting characters: a name that shows something else than it is helps nobody honest."""
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"
"""Persian and several scripts of India are spelt with them, and they make one emoji of several."""
_REPEATED = re.compile(f"([{_JOINERS}])[{_JOINERS}]+")
_EDGE = re.compile(rf"^[\s{_JOINERS}]+|[\s{_JOINERS}]+$")
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_EXTENDED = re.compile(r";\s*filename\*(?:\d+\*?)?\s*=\s*([^;\s]*)", re.IGNORECASE)
_AS_IT_IS = {"", "7bit", "8bit", "binary"}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file, as it was sent."""

    filename: str
    """The last part of the path that was sent, without control characters, at most LONGEST_FILENAME bytes."""
    content_type: str
    """What the client says it is, without parameters and in lower case; empty when it does not say."""
    content: bytes = field(repr=False)


FilePart = Annotated[InstanceOf[Upload], WithJsonSchema({"type": "string", "format": "binary"})]
"""A field of a MultipartSchema that takes a file."""


def multipart_fields(body: bytes, content_type: str) -> Mapping[str, str | Upload]:
    """The parts by name: texts and files. A file input that was left empty is no part.

    Raises InvalidRequest for a body that is not well formed or repeats a part, TooLarge beyond a limit.
    """
    from python_multipart.multipart import MultipartParser, parse_options_header

    parts = _Parts(lambda header: _with_extended(parse_options_header(header)[1], header))
    try:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        if not boundary:
            raise InvalidRequest("The Content-Type names no boundary between the parts")
        limits = {"max_header_count": MOST_HEADERS, "max_header_size": LARGEST_HEADER}
        MultipartParser(boundary, parts.callbacks(), **limits).write(_from_first(boundary, body))
    except ValueError as error:  # the parser's own errors, and text that is not UTF-8
        raise InvalidRequest(f"The body is not well-formed multipart/form-data: {_said(error)}") from None
    if not parts.complete:
        raise InvalidRequest("The body is not well-formed multipart/form-data: the last boundary is missing")
    return by_name(parts.found)


def _from_first(boundary: bytes, body: bytes) -> bytes:
    """The body from its first boundary on: whatever text stands before it is to be ignored (RFC 2046, 5.1.1)."""
    line = b"--" + boundary
    if body.startswith(line):
        return body
    _, found, rest = body.partition(b"\r\n" + line)
    if not found:
        raise InvalidRequest("The body is not well-formed multipart/form-data: the boundary that is named is not in it")
    return line + rest


def _with_extended(options: dict[bytes, bytes], header: str) -> dict[bytes, bytes]:
    """The parameters of a Content-Disposition, and the file's name where it is given as `filename*` alone (RFC 5987).

    Forms should not have that (RFC 7578, section 4.2), but some clients send it.
    """
    extended = _EXTENDED.search(_QUOTED.sub('""', header))
    if extended is None or b"filename" in options:
        return options
    charset, *language_and_name = extended[1].split("'", 2)
    if charset.lower() != "utf-8" or len(language_and_name) != 2:
        raise InvalidRequest("A part of the body has a filename* that is not UTF-8''<percent-encoded>; send filename")
    return options | {b"filename": unquote_to_bytes(language_and_name[1])}


def _said(error: ValueError) -> str:
    return "a name or text is not UTF-8" if isinstance(error, UnicodeError) else str(error)


class _Parts:
    """What the parser tells, put together."""

    def __init__(self, options: Callable[[str], dict[bytes, bytes]]) -> None:
        self.found: list[tuple[str, str | Upload]] = []
        self.complete = False
        self._options = options
        self._begun = 0

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._part_begun,
            "on_header_field": self._header_named,
            "on_header_value": self._header_given,
            "on_header_end": self._header_ended,
            "on_part_data": self._data_given,
            "on_part_end": self._part_ended,
            "on_end": self._ended,
        }

    def _part_begun(self) -> None:
        self._begun += 1
        if self._begun > MOST_FIELDS:
            raise TooLarge(f"The body has more than {MOST_FIELDS} parts")
        self._headers: dict[str, str] = {}
        self._name, self._value, self._content = b"", b"", bytearray()

    def _header_named(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _header_given(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_ended(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name = self._value = b""

    def _data_given(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _part_ended(self) -> None:
        options = self._options(self._headers.get("content-disposition", ""))
        if b"name" not in options:
            raise InvalidRequest("A part of the body has no name in its Content-Disposition")
        if self._headers.get("content-transfer-encoding", "").lower() not in _AS_IT_IS:
            raise InvalidRequest("A part of the body has a Content-Transfer-Encoding; send it as it is")
        name, filename = options[b"name"].decode(), options.get(b"filename")
        if filename is None:
            self.found.append((name, self._text(name)))
        elif filename or self._content:
            claimed = self._headers.get("content-type", "").partition(";")[0].strip().lower()
            self.found.append((name, Upload(safe_filename(filename.decode()), claimed, bytes(self._content))))

    def _text(self, name: str) -> str:
        if len(self._content) > LARGEST_FIELD:
            raise TooLarge(f"{named(name)} has {len(self._content)} bytes; at most {LARGEST_FIELD} are accepted")
        return self._content.decode()

    def _ended(self) -> None:
        self.complete = True


def safe_filename(said: str) -> str:
    """A name that a file can be shown and saved under: no path, nothing unseen but single joiners between other
    characters, not too long, never empty."""
    last = unicodedata.normalize("NFC", said).replace("\\", "/").rpartition("/")[2]
    seen = "".join(one for one in last if one in _JOINERS or unicodedata.category(one) not in _UNSEEN)
    name = _EDGE.sub("", _REPEATED.sub(r"\1", seen))
    return _cut(name) if name.strip(f". {_JOINERS}") else UNNAMED


def _cut(name: str) -> str:
    """The name in at most LONGEST_FILENAME bytes: a long one loses the end of its stem, not its suffix, and no part of
    what is one character to its reader."""
    if len(name.encode()) <= LONGEST_FILENAME:
        return name
    suffix = PurePosixPath(name).suffix
    ending = suffix if len(suffix.encode()) <= LONGEST_SUFFIX else ""
    room = LONGEST_FILENAME - len(ending.encode())
    return _EDGE.sub("", _beginning(name.removesuffix(ending), room) + ending)


def _beginning(text: str, room: int) -> str:
    """As many whole characters of a text as its first `room` bytes hold; a character that alone is longer is cut."""
    import regex

    size = 0
    for found in regex.finditer(r"\X", text):
        size += len(found[0].encode())
        if size > room:
            return text[: found.start()] or text.encode()[:room].decode(errors="ignore")
    return text

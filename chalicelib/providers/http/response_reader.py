"""Read one HTTP/1 response (RFC 9112) from a peer that may send anything, within fixed bounds.

http.client is not used for this: it takes 102 and 103 for the final response, loses what has arrived when a body ends
early, and reads without bound after a chunk of a negative size.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader

MOST_INTERIM = 50
"""Interim responses (1xx) that are skipped; a peer that sends more is not going to answer."""
MOST_LINES = 100
LONGEST_LINE = 65_536
"""In bytes. A header of more or longer lines is read on to `LARGEST_HEAD`, and not within bounds."""
LARGEST_HEAD = 262_144
"""In bytes, of the status line and the header lines together."""
_PIECE = 65_536
_STATUS_LINE = re.compile(rb"HTTP/1\.\d[ \t]+([1-9]\d\d)(?!\d)")
_SWITCHING = 101
"""The one status below 200 that is final: the peer says that it speaks another protocol from here on."""
_BODILESS = frozenset({_SWITCHING, 204, 304})
_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32


class Broken(Exception):
    """The peer sent no response, or not all of one; the text says which, and quotes nothing."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response without its body."""

    status: int
    headers: dict[str, str]
    """Names in lower case; repeated headers joined with a comma."""
    whole: bool
    """Whether it ended with an empty line, within bounds. Without that, nobody knows where the body begins."""


def read_head(stream: BufferedReader) -> Head:
    """The final response's head: every 1xx but 101 is skipped (RFC 9110, 15.2). Raises Broken, OSError."""
    for _ in range(MOST_INTERIM + 1):
        lines, whole = _lines(stream)
        found = _STATUS_LINE.match(lines[0])
        if found is None:
            raise Broken("what the host sent is not HTTP")
        status = int(found[1])
        if status >= 200 or status == _SWITCHING:
            return Head(status, _headers(lines[1:]), whole)
        if not whole:
            raise Broken("the host closed the connection before its final response")
    raise Broken(f"the host sent more than {MOST_INTERIM} interim responses")


def _lines(stream: BufferedReader) -> tuple[list[bytes], bool]:
    """Lines up to an empty one, at least one, and whether that came within bounds."""
    lines, room, longest = list[bytes](), LARGEST_HEAD, 0
    while room > 0:
        line = stream.readline(room)
        room, longest = room - len(line), max(longest, len(line))
        if line in (b"\r\n", b"\n") and lines:
            return lines, len(lines) <= MOST_LINES and longest <= LONGEST_LINE
        if not line:
            break
        lines.append(line)
    if not lines:
        raise Broken("the host closed the connection without a response")
    return lines, False


def _headers(lines: Sequence[bytes]) -> dict[str, str]:
    """A line that begins with white space continues the one before (RFC 9112, 5.2); one without a colon is dropped."""
    unfolded = list[str]()
    for line in lines:
        text = line.decode("latin-1").rstrip("\r\n")
        if text[:1] in (" ", "\t") and unfolded:
            unfolded[-1] += f" {text.strip()}"
        else:
            unfolded.append(text)
    found = dict[str, str]()
    for name, colon, value in (text.partition(":") for text in unfolded):
        key, said = name.strip().lower(), value.strip()
        if colon and key:
            found[key] = f"{found[key]}, {said}" if key in found else said
    return found


def read_body(stream: BufferedReader, head: Head, method: str) -> Iterator[bytes]:
    """The body's bytes as they arrive. Raises Broken where it ends early or its framing cannot be read, OSError."""
    if method == "HEAD" or head.status in _BODILESS:
        return
    if not head.whole:
        raise Broken("the response's header does not end, or is too large")
    coding = head.headers.get("transfer-encoding", "").rpartition(",")[2].strip().lower()
    length = head.headers.get("content-length")
    if coding == "chunked":
        yield from _chunks(stream)
    elif coding or length is None:
        yield from _rest(stream)
    else:
        yield from _counted(stream, _length(length))


def _length(said: str) -> int:
    """The same length may be given several times (RFC 9110, 8.6)."""
    values = {one.strip() for one in said.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdecimal() and len(value) < 20):
        raise Broken("the response's Content-Length is not a length")
    return int(value)


def _rest(stream: BufferedReader) -> Iterator[bytes]:
    while piece := stream.read1(_PIECE):
        yield piece


def _counted(stream: BufferedReader, length: int) -> Iterator[bytes]:
    left = length
    while left:
        piece = stream.read1(min(left, _PIECE))
        if not piece:
            raise Broken("the body ended before its length")
        left -= len(piece)
        yield piece


def _chunks(stream: BufferedReader) -> Iterator[bytes]:
    """The trailers after the last chunk are of no interest, and not read."""
    while size := _chunk_size(stream.readline(LONGEST_LINE)):
        yield from _counted(stream, size)
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise Broken("the body's chunks cannot be told apart")


def _chunk_size(line: bytes) -> int:
    size = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
        raise Broken("the body ended within a chunk, or before one")
    return int(size, 16)


def decoded(body: bytes, encoding: str, most: int) -> bytes:
    """A body that was compressed with gzip or deflate, though nobody asked for that, as it was before: of what is
    larger than `most` bytes the first `most` and one.

    Another encoding, and what only claims to be compressed, is left as it came.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        found = unpacking.decompress(body, most + 1)
    except zlib.error:
        return body
    return found if unpacking.eof or len(found) > most else body

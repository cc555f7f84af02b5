"""Read one HTTP/1 response (RFC 9112) from a peer that may send anything, within fixed bounds.

http.client is not used: it takes 102 and 103 for the final response, loses the received part of a body that ends early,
and reads without bound after a chunk of a negative size.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader

MAX_INTERIM_RESPONSES = 50
"""Interim responses (1xx) that are skipped; a peer that sends more will not send a final response."""
MAX_HEADER_LINES = 100
MAX_LINE_BYTES = 65_536
"""A header with more or longer lines is read up to MAX_HEAD_BYTES, and is not whole."""
MAX_HEAD_BYTES = 262_144
"""Of the status line and the header lines together."""
_PIECE_BYTES = 65_536
_STATUS_LINE = re.compile(rb"HTTP/1\.\d[ \t]+([1-9]\d\d)(?!\d)")
_SWITCHING_PROTOCOLS = 101
"""The one final status below 200: the peer speaks another protocol from here on."""
_STATUSES_WITHOUT_BODY = frozenset({_SWITCHING_PROTOCOLS, 204, 304})
_GZIP_OR_ZLIB_BITS = zlib.MAX_WBITS | 32


class MalformedResponse(Exception):
    """The peer sent no response or an incomplete one. The text says what is wrong, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Head:
    """A response without its body."""

    status: int
    headers: dict[str, str]
    """Names in lower case; repeated headers joined with a comma."""
    is_whole: bool
    """Whether it ended with an empty line, within bounds. Otherwise it is not known where the body begins."""


def read_head(stream: BufferedReader) -> Head:
    """The final response's head: every 1xx but 101 is skipped (RFC 9110, 15.2). Raises Broken, OSError."""
    for _ in range(MAX_INTERIM_RESPONSES + 1):
        lines, is_whole = _read_lines(stream)
        match = _STATUS_LINE.match(lines[0])
        if match is None:
            raise MalformedResponse("what the host sent is not HTTP")
        status = int(match[1])
        if status >= 200 or status == _SWITCHING_PROTOCOLS:
            return Head(status, _parse_headers(lines[1:]), is_whole)
        if not is_whole:
            raise MalformedResponse("the host closed the connection before its final response")
    raise MalformedResponse(f"the host sent more than {MAX_INTERIM_RESPONSES} interim responses")


def _read_lines(stream: BufferedReader) -> tuple[list[bytes], bool]:
    """The lines before an empty one, at least one line, and whether the empty line came within bounds."""
    lines, bytes_left, longest = list[bytes](), MAX_HEAD_BYTES, 0
    while bytes_left > 0:
        line = stream.readline(bytes_left)
        bytes_left, longest = bytes_left - len(line), max(longest, len(line))
        if line in (b"\r\n", b"\n") and lines:
            return lines, len(lines) <= MAX_HEADER_LINES and longest <= MAX_LINE_BYTES
        if not line:
            break
        lines.append(line)
    if not lines:
        raise MalformedResponse("the host closed the connection without a response")
    return lines, False


def _parse_headers(lines: Sequence[bytes]) -> dict[str, str]:
    """A line that begins with white space continues the one before (RFC 9112, 5.2); one without a colon is dropped."""
    unfolded = list[str]()
    for line in lines:
        text = line.decode("latin-1").rstrip("\r\n")
        if text[:1] in (" ", "\t") and unfolded:
            unfolded[-1] += f" {text.strip()}"
        else:
            unfolded.append(text)
    headers = dict[str, str]()
    for name, colon, value in (line.partition(":") for line in unfolded):
        key, text = name.strip().lower(), value.strip()
        if colon and key:
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def read_body(stream: BufferedReader, head: Head, method: str) -> Iterator[bytes]:
    """The body's bytes as they arrive. Raises Broken where it ends early or its framing cannot be read, OSError."""
    if method == "HEAD" or head.status in _STATUSES_WITHOUT_BODY:
        return
    if not head.is_whole:
        raise MalformedResponse("the response's header does not end, or is too large")
    coding = head.headers.get("transfer-encoding", "").rpartition(",")[2].strip().lower()
    length = head.headers.get("content-length")
    if coding == "chunked":
        yield from _read_chunks(stream)
    elif coding or length is None:
        yield from _read_rest(stream)
    else:
        yield from _read_counted(stream, _parse_length(length))


def _parse_length(header: str) -> int:
    """The header may repeat the same length (RFC 9110, 8.6)."""
    values = {value.strip() for value in header.split(",")}
    value = values.pop()
    if values or not (value.isascii() and value.isdecimal() and len(value) < 20):
        raise MalformedResponse("the response's Content-Length is not a length")
    return int(value)


def _read_rest(stream: BufferedReader) -> Iterator[bytes]:
    while piece := stream.read1(_PIECE_BYTES):
        yield piece


def _read_counted(stream: BufferedReader, length: int) -> Iterator[bytes]:
    bytes_left = length
    while bytes_left:
        piece = stream.read1(min(bytes_left, _PIECE_BYTES))
        if not piece:
            raise MalformedResponse("the body ended before its length")
        bytes_left -= len(piece)
        yield piece


def _read_chunks(stream: BufferedReader) -> Iterator[bytes]:
    """Trailers after the last chunk are not read."""
    while size := _parse_chunk_size(stream.readline(MAX_LINE_BYTES)):
        yield from _read_counted(stream, size)
        if stream.readline(3) not in (b"\r\n", b"\n"):
            raise MalformedResponse("the body's chunks cannot be told apart")


def _parse_chunk_size(line: bytes) -> int:
    size = line.partition(b";")[0].strip()
    if not line.endswith(b"\n") or not re.fullmatch(rb"[0-9A-Fa-f]{1,15}", size):
        raise MalformedResponse("the body ended within a chunk, or before one")
    return int(size, 16)


def decode_body(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """The body decompressed, if the peer used gzip or deflate without being asked: at most `max_bytes` and one byte.

    A body in another encoding, or one that is not really compressed, is returned as it is.
    """
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB_BITS)
    try:
        decompressed = unpacking.decompress(body, max_bytes + 1)
    except zlib.error:
        return body
    return decompressed if unpacking.eof or len(decompressed) > max_bytes else body


def decode_pieces(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The body decompressed as it arrives, if the peer used gzip or deflate without being asked, in pieces of a bounded
    size. Raises MalformedResponse where it is compressed otherwise than it says."""
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        yield from pieces
        return
    unpacking = zlib.decompressobj(_GZIP_OR_ZLIB_BITS)
    for piece in pieces:
        rest = piece
        while rest and not unpacking.eof:
            yield _decompress(unpacking, rest)
            rest = unpacking.unconsumed_tail


def _decompress(unpacking: "zlib._Decompress", piece: bytes) -> bytes:
    try:
        return unpacking.decompress(piece, _PIECE_BYTES)
    except zlib.error:
        raise MalformedResponse("the body is not compressed as its header says") from None

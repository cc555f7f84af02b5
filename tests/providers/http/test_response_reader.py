"""Responses of every form, parsed from their bytes."""

import gzip
import zlib
from io import BufferedReader, BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.providers.http import response_reader
from chalicelib.providers.http.response_reader import Head, MalformedResponse, decode_body, read_body, read_head


def stream(text: bytes) -> BufferedReader:
    return BufferedReader(BytesIO(text))  # type: ignore[type-var]


def head(text: bytes) -> Head:
    return read_head(stream(text))


def read_response(text: bytes, method: str = "POST") -> tuple[int, bytes]:
    reader = stream(text)
    found = read_head(reader)
    return found.status, b"".join(read_body(reader, found, method))


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
INTERIM = {
    "continue": b"HTTP/1.1 100 Continue\r\n\r\n",
    "processing": b"HTTP/1.1 102 Processing\r\n\r\n",
    "early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nContent-Length: 7\r\n\r\n",
    "upload resumption": b"HTTP/1.1 104 Upload Resumption Supported\r\n\r\n",
    "one that nobody knows": b"HTTP/1.1 199\r\na: b\r\n\r\n",
    "of http 1.0": b"HTTP/1.0 100 Continue\n\n",
}


@pytest.mark.parametrize("kind", INTERIM)
@pytest.mark.parametrize("times", [1, 2, response_reader.MAX_INTERIM_RESPONSES])
def test_an_interim_response_is_skipped(kind: str, times: int) -> None:
    assert read_response(INTERIM[kind] * times + OK) == (200, b"ok")


def test_interim_responses_of_several_kinds_are_skipped_and_their_headers_forgotten() -> None:
    found = head(b"".join(INTERIM.values()) + b"HTTP/1.1 204 No Content\r\nx: y\r\n\r\n")
    assert found == Head(204, {"x": "y"}, is_whole=True)


def test_interim_responses_without_end_are_none() -> None:
    with pytest.raises(MalformedResponse, match="more than 50 interim"):
        head(INTERIM["processing"] * (response_reader.MAX_INTERIM_RESPONSES + 1) + OK)


@pytest.mark.parametrize("rest", [b"", b"HTTP/1.1 ", b"garbage\r\n\r\n"])
def test_an_interim_response_that_nothing_follows_is_none(rest: bytes) -> None:
    with pytest.raises(MalformedResponse):
        head(INTERIM["early hints"] + rest)


def test_a_protocol_that_is_switched_unasked_is_final_and_has_no_body() -> None:
    assert read_response(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n\0\0\0" + OK) == (101, b"")


@pytest.mark.parametrize(
    "line", [b"HTTP/1.1 202", b"HTTP/1.1 202 ", b"HTTP/1.0 202 OK", b"HTTP/1.1\t202\tGood", b"HTTP/1.1 202 \xff\xe9"]
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_a_status_line_may_lack_its_reason(line: bytes, end: bytes) -> None:
    assert head(line + end + end) == Head(202, {}, is_whole=True)


@pytest.mark.parametrize(
    "line",
    [b"HTTP/1.1 20", b"HTTP/1.1 2020 X", b"HTTP/1.1 099 X", b"HTTP/2 200", b"ICY 200 OK", b"200 OK", b"\r\n", b""],
)
def test_what_has_no_status_is_no_response(line: bytes) -> None:
    with pytest.raises(MalformedResponse):
        head(line + b"\r\n\r\n" if line else b"")


def test_headers() -> None:
    text = b"X-A: 1\r\nx-a:2\r\nEmpty:\r\nFolded: one\r\n two\r\n\tthree\r\nno colon\r\n: no name\r\nLatin: \xe9\r\n"
    found = head(b"HTTP/1.1 200 OK\r\n" + text + b"\r\n").headers
    assert found == {"x-a": "1, 2", "empty": "", "folded": "one two three", "latin": "é"}


@pytest.mark.parametrize(
    "lines",
    [
        b"a: b\r\n" * 101,
        b"".join(b"h%d: v\r\n" % number for number in range(150)),
        b"a: " + b"b" * 70_000 + b"\r\n",
        b"a: b\r\n" * 50_000,
        b"a: " + b"b" * 1_000_000,
    ],
)
def test_a_head_beyond_all_bounds_still_has_its_status(lines: bytes) -> None:
    reader = stream(b"HTTP/1.1 202 Accepted\r\nRetry-After: 7\r\n" + lines + b"\r\n")
    head = read_head(reader)
    assert (head.status, head.is_whole, head.headers["retry-after"]) == (202, False, "7")
    with pytest.raises(MalformedResponse):
        list(read_body(reader, head, "POST"))


def test_a_head_that_is_cut_off_has_its_status_and_no_body() -> None:
    assert head(b"HTTP/1.1 202 Accepted\r\nRetry-Af") == Head(202, {}, is_whole=False)
    assert head(b"HTTP/1.1 202") == Head(202, {}, is_whole=False)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n"
BODIES = {
    "counted": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyand more",
    "counted twice alike": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
    "until it closes": b"HTTP/1.0 200 OK\r\n\r\nbody",
    "chunked": CHUNKED + b"3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n",
    "chunked, with extensions and trailers": CHUNKED + b"0004;a=b\r\nbody\r\n0;c\r\nx: y\r\n\r\n",
    "chunked, with line feeds alone": CHUNKED + b"4\nbody\n0\n\n",
    "chunked in capitals": CHUNKED.replace(b"chunked", b"Chunked") + b"4\r\nbody\r\n0\r\n\r\n",
    "chunked over something": CHUNKED.replace(b"chunked", b"gzip, chunked") + b"4\r\nbody\r\n0\r\n\r\n",
    "chunked, its end not told": CHUNKED + b"4\r\nbody\r\n0\r\n",
}


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_ends_where_its_framing_says(kind: str) -> None:
    assert read_response(BODIES[kind]) == (200, b"body")


@pytest.mark.parametrize("status", [204, 304])
def test_some_responses_have_no_body_whatever_they_say(status: int) -> None:
    assert read_response(b"HTTP/1.1 %d X\r\nContent-Length: 4\r\n\r\nbody" % status) == (status, b"")
    assert read_response(BODIES["counted"], "HEAD") == (200, b"")


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody",
        *(b"HTTP/1.1 200 OK\r\nContent-Length: %b\r\n\r\nbody" % one for one in (b"-1", b"4, 5", b"x", b"", b"9" * 30)),
        *(CHUNKED + one for one in (b"", b"4", b"4\r\nbo", b"4\r\nbody", b"4\r\nbodyX\r\n0\r\n\r\n", b"4\r\nbody\r\n")),
        *(CHUNKED + one + b"\r\nbody\r\n" for one in (b"-1", b"zz", b"", b"+4", b"4_0", b"f" * 16)),
    ],
)
def test_a_body_that_ends_early_or_cannot_be_framed_is_broken(text: bytes) -> None:
    with pytest.raises(MalformedResponse):
        read_response(text)


@given(st.binary(max_size=200), st.booleans(), st.integers(0, 200))
def test_any_bytes_are_a_response_or_broken(noise: bytes, framed: bool, cut: int) -> None:
    text = BODIES["chunked"][:cut] + noise if framed else noise
    try:
        status, body = read_response(text)
    except MalformedResponse as broken:
        assert str(broken)
    else:
        assert 101 <= status <= 999 and len(body) <= len(text)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZIP ", "deflate"])
def test_a_body_that_came_compressed_unasked_is_unpacked_within_its_limit(encoding: str) -> None:
    packed = zlib.compress(b"body") if encoding == "deflate" else gzip.compress(b"body")
    assert decode_body(packed, encoding, 100) == b"body"
    assert decode_body(packed[:-3], encoding, 100) == packed[:-3], "cut off: as it came"
    bomb = gzip.compress(b"\0" * 10_000_000)
    assert len(decode_body(bomb, "gzip", 1000)) == 1001


@pytest.mark.parametrize("encoding", ["", "identity", "br", "zstd", "gzip, br"])
def test_another_encoding_is_left_as_it_came(encoding: str) -> None:
    assert decode_body(gzip.compress(b"body"), encoding, 100) == gzip.compress(b"body")

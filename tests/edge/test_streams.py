"""Binary and streamed answers, from Lambda and from a server that can stream."""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib import clock
from chalicelib.edge import Api, Binary, FormSchema, OpenStream, Pauses, Routes, Stream, binary_types, mount, openapi
from chalicelib.edge.responses import attachment
from chalicelib.edge.streams import BUFFER_BYTES, BUFFER_SECONDS
from chalicelib.errors import NotFound, Unavailable
from tests.edge.conftest import Logged
from tests.edge.toys import API, ToyOut, api_of, gateway_event

routes = Routes("/api", tag="Parts", public=True)
PIXEL = b"\x89PNG\r\n\x1a\n\x00\xff"


@dataclass
class Tap:
    """The stream of the endpoint, and whether its iterator was closed."""

    parts: Callable[[], Iterator[bytes]] = field(default=lambda: iter(()))
    closed: int = 0

    def flow(self) -> Iterator[bytes]:
        try:
            yield from self.parts()
        finally:
            self.closed += 1


TAP = Tap()


class EchoIn(FormSchema):
    word: str


@routes.get("/pixel")
def pixel(name: str | None = None) -> Binary:
    """A picture."""
    return Binary(PIXEL, "image/png", name)


@routes.get("/flow")
def flow() -> Stream:
    """Parts."""
    return Stream(TAP.flow())


@routes.get("/either")
def either() -> Binary | ToyOut:
    """One or the other."""
    return ToyOut(toy_id="1")


@routes.post("/echo")
def echo(body: EchoIn) -> Binary:
    """The word."""
    return Binary(body.word.encode(), "text/plain")


PARTS: Api = api_of(routes)


@pytest.fixture
def manual_clock() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(1_800_000_000_000)
    previous = clock.use(manual)
    yield manual
    clock.use(previous)


def use_parts(parts: Callable[[], Iterator[bytes]]) -> Tap:
    TAP.parts, TAP.closed = parts, 0
    return TAP


def ask(path: str, *, can_stream: bool = False, **more: Any) -> dict[str, Any]:
    app = mount(PARTS, can_stream=can_stream)
    return dict(app(gateway_event("GET", f"/api/{path}", f"/api/{path}", **more), None))


def test_bytes_are_answered_whatever_the_client_accepts() -> None:
    for accepted in ({}, {"Accept": "text/html, */*"}, {"Accept": "image/png"}):
        answer = ask("pixel", headers=accepted)
        assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
        assert base64.b64decode(answer["body"]) == PIXEL
        assert answer["headers"]["Content-Type"] == "image/png"
        assert "Content-Disposition" not in answer["headers"]


def test_bytes_are_no_page_of_the_apis_origin() -> None:
    headers = ask("pixel")["headers"]
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.png", 'attachment; filename="a b.png"'),
        ('"\r\n\\;é.png', "attachment; filename=\"______.png\"; filename*=UTF-8''%22%0D%0A%5C%3B%C3%A9.png"),
    ],
)
def test_a_file_has_a_name_that_breaks_no_header(name: str, header: str) -> None:
    assert attachment(name) == header
    assert ask("pixel", query={"name": [name]})["headers"]["Content-Disposition"] == header


def test_bodies_of_requests_come_in_base64_and_are_read() -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    event = gateway_event("POST", "/api/echo", "/api/echo", headers=kind, body="word=größer".encode())
    answer = mount(PARTS)(event, None)
    assert base64.b64decode(answer["body"]).decode() == "größer"


def test_a_gateway_passes_on_bytes_only_for_an_api_that_answers_some() -> None:
    assert binary_types(PARTS) == ["*/*"]
    assert binary_types(API) == ["multipart/form-data"]


def test_the_document_says_what_is_answered() -> None:
    document = openapi(PARTS)
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    gets = {path: one["get"] for path, one in document["paths"].items() if "get" in one}
    content = {path: one["responses"]["200"]["content"] for path, one in gets.items()}
    assert list(content["/api/pixel"]) == ["*/*"]
    assert list(content["/api/flow"]) == ["text/event-stream"]
    assert "application/json" in content["/api/either"]


def test_a_server_that_can_gets_the_parts_one_by_one() -> None:
    numbers: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(3):
            numbers.append(number)
            yield b"part"

    use_parts(parts)
    answer = ask("flow", can_stream=True)
    assert answer["headers"]["Content-Type"] == "text/event-stream; charset=utf-8"
    stream = answer["body"]
    assert isinstance(stream, OpenStream)
    assert numbers == [0], "only the first part is made before the answer"
    assert next(stream) == b"part"
    assert numbers == [0]
    assert list(stream) == [b"part", b"part"]


def test_a_closed_stream_has_no_more_parts() -> None:
    flows = use_parts(lambda: iter([b"a", b"b"]))
    stream = ask("flow", can_stream=True)["body"]
    stream.close()
    stream.close()
    assert (list(stream), flows.closed) == ([], 1)


def test_a_stream_without_parts_is_an_empty_answer() -> None:
    use_parts(lambda: iter(()))
    assert ask("flow")["body"] == ""
    assert list(ask("flow", can_stream=True)["body"]) == []


@pytest.mark.parametrize("can_stream", [True, False])
def test_an_error_before_the_first_part_is_answered_as_any_other(can_stream: bool) -> None:
    def parts() -> Iterator[bytes]:
        raise NotFound("Toy", "t1")
        yield b""

    use_parts(parts)
    answer = ask("flow", can_stream=can_stream)
    assert (answer["statusCode"], json.loads(answer["body"])["details"]) == (404, "Toy not found: t1")


def _break_off_with(error: Exception) -> Callable[[], Iterator[bytes]]:
    def parts() -> Iterator[bytes]:
        yield b"one"
        raise error

    return parts


@pytest.mark.parametrize(("error", "level"), [(Unavailable("later"), "WARNING"), (RuntimeError("secret"), "ERROR")])
def test_a_later_error_ends_a_stream_and_is_logged(read_log: Logged, error: Exception, level: str) -> None:
    flows = use_parts(_break_off_with(error))
    stream = ask("flow", can_stream=True)["body"]
    assert next(stream) == b"one"
    with pytest.raises(type(error)):
        next(stream)
    assert (list(stream), flows.closed) == ([], 1)
    [broken, request] = read_log()
    assert (broken["level"], broken["request_id"]) == (level, request["request_id"])


@pytest.mark.parametrize("error", [Unavailable("later"), RuntimeError("secret")])
def test_a_later_error_ends_a_collected_answer_too(read_log: Logged, error: Exception) -> None:
    use_parts(_break_off_with(error))
    answer = ask("flow")
    assert (answer["statusCode"], base64.b64decode(answer["body"])) == (200, b"one")
    assert read_log()[0]["message"] == "A stream broke off"


def test_an_error_behind_an_empty_part_is_the_answer_where_nothing_is_sent_yet() -> None:
    def parts() -> Iterator[bytes]:
        yield b""
        raise Unavailable("later")

    use_parts(parts)
    assert ask("flow")["statusCode"] == 503


def test_where_parts_cannot_be_sent_those_that_come_in_time_are_the_answer(manual_clock: clock.ManualClock) -> None:
    started = manual_clock.now()

    def parts() -> Iterator[bytes]:
        yield b"begin;"
        while True:
            yield b"" if (manual_clock.now() // 1000) % 2 else b"part;"
            manual_clock.advance(0.2)

    flows = use_parts(parts)
    answer = ask("flow")
    assert base64.b64decode(answer["body"]).startswith(b"begin;part;")
    seconds = (manual_clock.now() - started) / 1000
    assert BUFFER_SECONDS <= seconds < BUFFER_SECONDS + 2
    assert flows.closed == 1


def test_no_more_is_collected_than_lambda_can_answer() -> None:
    def parts() -> Iterator[bytes]:
        while True:
            yield bytes(BUFFER_BYTES // 8)

    use_parts(parts)
    assert len(base64.b64decode(ask("flow")["body"])) == BUFFER_BYTES


def test_a_stream_is_logged_once_at_its_end(read_log: Logged, manual_clock: clock.ManualClock) -> None:
    use_parts(lambda: iter([b"a", b"b"]))
    stream = ask("flow", can_stream=True)["body"]
    next(stream)
    assert read_log() == []
    manual_clock.advance(3)
    assert list(stream) == [b"b"]
    stream.close()
    [line] = read_log()
    assert (line["route"], line["status"], line["duration_ms"]) == ("/api/flow", 200, 3000)


def test_requests_are_counted_when_their_answer_begins() -> None:
    use_parts(lambda: iter([b"a"]))
    private = Routes("/own", tag="Own")
    private.get()(flow)
    counted: list[Any] = []
    app = mount(replace(api_of(private), measure=counted.append), can_stream=True)
    stream = app(gateway_event("GET", "/own", "/own", headers={"Authorization": "Bearer user"}), None)["body"]
    assert [one.route for one in counted] == ["/own"]
    assert list(stream) == [b"a"]
    assert len(counted) == 1


def test_pauses_grow_while_nothing_comes() -> None:
    pauses = Pauses()
    waited = [pauses.after(b"") for _ in range(12)]
    assert waited == sorted(waited)
    assert (waited[0], waited[-1]) == (0.05, 1.0)
    assert pauses.after(b"x") == 0.0
    assert pauses.after(b"") == 0.05

"""Requests to the gateway, in the form of an ASGI server."""

import asyncio
import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest

from chalicelib.edge import (
    Admission,
    Api,
    Caller,
    CamelSchema,
    Cookie,
    FilePart,
    FlatErrors,
    Limit,
    MultipartSchema,
    Reply,
    Request,
    Routes,
)
from infra.local.gateway.http import BODY_LIMIT, Gateway
from infra.local.gateway.proxy_event import Incoming, event
from infra.local.gateway.routing import Match
from tests.support import parts

JSON = {"content-type": "application/json"}
routes = Routes("", tag="Toys", public=True)
meeting = threading.Barrier(8)


class Echo(CamelSchema):
    value: str
    more: str | None = None


class EchoIn(CamelSchema):
    value: str


@routes.get("/echo/{value}")
def echo(value: str, more: str | None = None) -> Echo:
    return Echo(value=value, more=more)


@routes.get("/files/{path+}")
def file(path: str) -> Echo:
    return Echo(value=path)


@routes.post("/echo", if_too_large="; send less")
def post_echo(body: EchoIn) -> Echo:
    return Echo(value=body.value)


class Letter(MultipartSchema):
    file: FilePart


@routes.post("/letters")
def post_letter(body: Letter) -> Reply[Echo]:
    cookies = [Cookie(name=name, value="1") for name in ("a", "b")]
    return Reply(Echo(value=body.file.content.hex()), cookies=cookies)


@routes.get("/meet/{value}")
def meet(value: str) -> Echo:
    """Wait until eight requests run at once."""
    meeting.wait(10)
    return Echo(value=value)


def never_authenticate(_: Request) -> Caller:
    raise AssertionError("every route is public")


def never_admit(_: Caller, __: str, ___: Limit) -> Admission:
    raise AssertionError("every route is public")


API = Api("toys", "Toys", "1", "Toys.", 0, FlatErrors(), (routes,), {}, never_authenticate, never_admit)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with ThreadPoolExecutor(8) as pool:
        yield Gateway(API, pool)


@dataclass
class Exchange:
    """One request in chunks, and the answer. `read` counts the chunks that the gateway read."""

    method: str
    path: str
    chunks: Sequence[bytes] = (b"",)
    headers: dict[str, str] = field(default_factory=dict)
    query: str = ""
    leaves: bool = False
    read: int = 0
    sent: list[Any] = field(default_factory=list)

    async def run(self, gateway: Gateway) -> "Exchange":
        scope = {
            "type": "http",
            "method": self.method,
            "raw_path": self.path.encode(),
            "query_string": self.query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 1),
        }
        await gateway(scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        if self.leaves or self.read == len(self.chunks):
            return {"type": "http.disconnect"}
        self.read += 1
        return {"type": "http.request", "body": self.chunks[self.read - 1], "more_body": self.read < len(self.chunks)}

    async def _send(self, message: Any) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def answer_headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def json(self) -> Any:
        return json.loads(b"".join(message.get("body", b"") for message in self.sent[1:]))


def exchange(gateway: Gateway, method: str, path: str, *chunks: bytes, **more: Any) -> Exchange:
    return asyncio.run(Exchange(method, path, chunks or (b"",), **more).run(gateway))


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("/echo/a", "", {"value": "a"}),
        ("/echo/a/", "more=1&more=b%20c", {"value": "a", "more": "b c"}),
        ("/echo/a%2Fb%20%C3%A9", "more=", {"value": "a/b é", "more": ""}),
        ("/files/a/b%20c.txt", "", {"value": "a/b c.txt"}),
    ],
)
def test_values_are_decoded_once(gateway: Gateway, path: str, query: str, expected: dict[str, str]) -> None:
    answer = exchange(gateway, "GET", path, query=query)
    assert (answer.status, answer.json) == (200, expected)
    assert answer.answer_headers["content-length"] == str(len(answer.sent[1]["body"]))


def test_a_target_as_for_a_proxy_is_answered_and_its_host_counts(gateway: Gateway) -> None:
    host = {"host": "evil.example"}
    answer = exchange(gateway, "GET", "HTTP://localhost:8787/echo/a", query="more=b", headers=host)
    assert (answer.status, answer.json) == (200, {"value": "a", "more": "b"})
    for target in ("http://evil.example/echo/a", "http://user@localhost/echo/a"):
        assert exchange(gateway, "GET", target, headers={"host": "localhost:8787"}).status == 403
    assert exchange(gateway, "GET", "http://localhost").json["details"] == "Path not found: /"


def test_a_body_in_chunks_arrives_whole(gateway: Gateway) -> None:
    answer = exchange(gateway, "POST", "/echo", b'{"va', b'lue":"', "é".encode(), b'"}', headers=JSON)
    assert answer.json == {"value": "é"}


def test_a_body_that_is_no_text_is_a_bad_request(gateway: Gateway) -> None:
    answer = exchange(gateway, "POST", "/echo", b"\xff\xfe", headers=JSON)
    assert (answer.status, answer.json["error"]) == (400, "Invalid request")


def test_an_unknown_path_is_answered_in_the_dialect(gateway: Gateway) -> None:
    answer = exchange(gateway, "GET", "/nowhere")
    assert (answer.status, answer.json) == (404, {"error": "Not found", "details": "Path not found: /nowhere"})
    assert UUID(answer.answer_headers["x-request-id"]).version == 4


def test_a_wrong_method_is_answered_with_the_right_ones(gateway: Gateway) -> None:
    answer = exchange(gateway, "DELETE", "/echo/a")
    assert (answer.status, answer.answer_headers["allow"]) == (405, "GET")
    assert answer.json["error"] == "Method not allowed"


PAGE = {"origin": "http://localhost:5173", "host": "127.0.0.1:8003"}


def test_a_page_of_this_machine_may_ask_and_read_whatever_comes(gateway: Gateway) -> None:
    asked = exchange(gateway, "OPTIONS", "/echo", headers=PAGE | {"access-control-request-method": "POST"})
    assert (asked.status, asked.answer_headers["access-control-allow-methods"]) == (204, "POST")
    for method, path in (
        ("GET", "/echo/x"),
        ("GET", "/nowhere"),
        ("PUT", "/echo"),
        ("POST", "/echo"),
        ("OPTIONS", "/echo"),
    ):
        answer = exchange(gateway, method, path, headers=PAGE)
        assert answer.answer_headers["access-control-allow-origin"] == PAGE["origin"], (method, path)
    assert exchange(gateway, "OPTIONS", "/nowhere", headers=PAGE).status == 404


@pytest.mark.parametrize("foreign", [{"origin": "https://evil.example"}, {"host": "evil.example:8003"}])
def test_a_foreign_page_is_refused(gateway: Gateway, foreign: dict[str, str]) -> None:
    answer = exchange(gateway, "GET", "/echo/x", headers=PAGE | foreign)
    assert answer.status == 403
    assert answer.answer_headers.get("access-control-allow-origin") != "https://evil.example"


def test_head_is_answered_as_get(gateway: Gateway) -> None:
    assert exchange(gateway, "HEAD", "/echo/a").status == 200
    assert exchange(gateway, "HEAD", "/echo").status == 405


def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_read(gateway: Gateway) -> None:
    giant = {"content-length": str(BODY_LIMIT + 1), "expect": "100-continue"}
    answer = exchange(gateway, "POST", "/echo", b"x", b"x", headers=giant)
    assert (answer.status, answer.json["error"], answer.read) == (413, "Payload too large", 0)
    assert answer.json["details"].endswith("pass the gateway; send less")
    assert answer.answer_headers["connection"] == "close"


def test_a_body_is_refused_as_soon_as_it_turns_out_too_large(gateway: Gateway) -> None:
    answer = exchange(gateway, "POST", "/echo", *[b"x" * (BODY_LIMIT // 2)] * 3, headers={"expect": "x"})
    assert (answer.status, answer.read) == (413, 3)
    longer = exchange(gateway, "POST", "/echo", *[b"x" * (BODY_LIMIT // 2)] * 5, headers={"expect": "x"})
    assert (longer.status, longer.read) == (413, 3)


def test_what_a_refused_client_still_sends_is_read_and_dropped(gateway: Gateway) -> None:
    answer = exchange(gateway, "POST", "/echo", *[b"x" * (BODY_LIMIT // 2)] * 5)
    assert (answer.status, answer.read) == (413, 5)
    assert [message.get("more_body", False) for message in answer.sent[1:]] == [True, False]


def test_a_client_that_leaves_is_not_answered(gateway: Gateway) -> None:
    assert exchange(gateway, "POST", "/echo", b"x", leaves=True).sent == []


def test_requests_run_side_by_side_and_are_not_mixed_up(gateway: Gateway) -> None:
    async def all_of_them() -> list[Exchange]:
        return await asyncio.gather(*(Exchange("GET", f"/meet/{number}").run(gateway) for number in range(8)))

    assert [answer.json["value"] for answer in asyncio.run(all_of_them())] == [str(number) for number in range(8)]


def test_a_request_that_the_end_of_the_server_cuts_short_gets_an_answer(gateway: Gateway) -> None:
    async def cut() -> Exchange:
        request = Exchange("GET", "/meet/late")
        running = asyncio.create_task(request.run(gateway))
        while meeting.n_waiting == 0:
            await asyncio.sleep(0)
        running.cancel()
        answer = await running
        meeting.abort()
        return answer

    answer = asyncio.run(cut())
    meeting.reset()
    assert (answer.status, answer.json["error"]) == (503, "Service unavailable")


@pytest.mark.parametrize("content", [b"text", b"\xff\x00\r\n"])
def test_a_body_of_several_parts_arrives_byte_by_byte_and_several_cookies_go_back(
    gateway: Gateway, content: bytes
) -> None:
    sent = parts.body(parts.file(content))
    answer = exchange(gateway, "POST", "/letters", sent, headers={"content-type": parts.MULTIPART})
    assert answer.json == {"value": content.hex()}
    cookies = [value for name, value in answer.sent[0]["headers"] if name == b"set-cookie"]
    assert [cookie[:3] for cookie in cookies] == [b"a=1", b"b=1"]


@pytest.mark.parametrize(
    ("content_type", "binary_types", "encoded"),
    [
        ("multipart/form-data; boundary=x", ["multipart/form-data"], True),
        ("Multipart/Form-Data", ["multipart/form-data"], True),
        ("application/json", ["multipart/form-data"], False),
        ("application/json", ["*/*"], True),
    ],
)
def test_the_event_is_encoded_by_its_type_as_in_aws(content_type: str, binary_types: list[str], encoded: bool) -> None:
    request = Incoming("POST", "/letters", "", (("content-type", content_type),), "127.0.0.1", "1")
    made = event(request, Match("/letters", {}, {}), b"text", binary_types)
    assert (made["isBase64Encoded"], made["body"]) == (encoded, "dGV4dA==" if encoded else "text")


def test_the_event_of_a_request_without_a_body_has_none() -> None:
    made = event(Incoming("GET", "/letters", "", (), "127.0.0.1", "1"), Match("/letters", {}, {}), b"", ["*/*"])
    assert (made["isBase64Encoded"], made["body"]) == (False, None)

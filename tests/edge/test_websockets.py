"""API Gateway's WebSocket events, with a toy channel behind a router."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from pydantic import BaseModel, Field

from chalicelib.edge import (
    Caller,
    Channel,
    CodedErrors,
    ConnectRequest,
    FrameHandler,
    Request,
    WebSocketRouter,
    error_frame,
)
from chalicelib.errors import Conflict, InvalidRequest, NotFound, Unauthenticated, Unavailable, YardmasterError
from tests.edge.toys import Principal

Event = dict[str, Any]


class Connection(NamedTuple):
    id: str
    channel: str = "toys"


class Add(BaseModel):
    numbers: list[int] = Field(max_length=3)


class Fail(BaseModel):
    pass


@dataclass
class Toys:
    """A channel that adds numbers, and fails when it is asked to."""

    openings: list[tuple[Caller, ConnectRequest]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    connections: dict[str, Connection] = field(default_factory=lambda: {"c1": Connection("c1")})
    sent: list[tuple[str, Any]] = field(default_factory=list)
    closed: list[Connection] = field(default_factory=list)
    error: Exception | None = None

    @property
    def router(self) -> WebSocketRouter:
        hears = {
            "add": FrameHandler(Add, self.add),
            "fail": FrameHandler(Fail, self.fail),
            "quiet": FrameHandler(Fail, lambda *_: None),
        }
        path, ended = "/toys/{toy_id}/parts", self.closed.append
        toys = Channel(
            "toys", path, self.authenticate, self.open, hears, self.build_error_frame, ended, query=("color",)
        )
        return WebSocketRouter([toys], self.connections.get, lambda *said: self.sent.append(said))

    def authenticate(self, request: Request) -> Caller:
        self.requests.append(request)
        if request.headers.get("authorization") != "Bearer ann":
            raise Unauthenticated("Who are you?")
        return Principal()

    def open(self, caller: Caller, opening: ConnectRequest) -> None:
        if self.error:
            raise self.error
        self.openings.append((caller, opening))

    def add(self, connection: Connection, said: Add) -> dict[str, Any]:
        return {"type": "sum", "of": connection.id, "sum": sum(said.numbers)}

    def fail(self, connection: Connection, said: Fail) -> None:
        assert self.error
        raise self.error

    def build_error_frame(self, error: YardmasterError, said: BaseModel | None) -> dict[str, Any]:
        return error_frame(error, CodedErrors()) | {"read": said is not None}

    def hear(self, text: str, **more: Any) -> Any:
        """Send a frame, and return the answer."""
        event = {"requestContext": {"connectionId": "c1"}, "body": text, "isBase64Encoded": False} | more
        assert self.router.handle_message(event) == {"statusCode": 200}
        return self.sent[-1][1] if self.sent else None


@pytest.fixture
def toys() -> Toys:
    return Toys()


def opening(path: str = "/toys/7/parts", headers: dict[str, str] | None = None, **query: str) -> Event:
    return {
        "headers": {"Authorization": "Bearer ann"} if headers is None else headers,
        "queryStringParameters": {"path": path, **query},
        "requestContext": {"connectionId": "c9", "requestId": "r1"},
    }


def refusal(answer: Any) -> tuple[int, int, str]:
    said = json.loads(answer["body"])
    return answer["statusCode"], said["code"], said["reason"]


def test_a_connection_is_let_in_with_what_its_url_says(toys: Toys) -> None:
    assert toys.router.handle_connect(opening("/toys/a%20b/parts/", color="red")) == {"statusCode": 200}
    [(caller, let_in)] = toys.openings
    assert caller.org == "acme"
    assert let_in == ConnectRequest("c9", {"toy_id": "a b"}, {"color": "red"})


@pytest.mark.parametrize("path", ["/toys", "/toys//parts", "/toys/7/parts/8", "/", "toys/7/parts", "/toys/7/wings"])
def test_a_path_that_is_not_served_is_refused(toys: Toys, path: str) -> None:
    assert refusal(toys.router.handle_connect(opening(path))) == (404, 4404, f"Path not found: {path}")


FOREIGN = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"host": "evil.example:8003"},
    {"host": "evil.example:8003", "origin": "http://evil.example:8003"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("token", ["ann", None])
def test_the_local_stage_lets_no_foreign_page_in(toys: Toys, headers: dict[str, str], token: str | None) -> None:
    query = {} if token is None else {"token": token}
    sent = {"Host": "localhost:8003"} | {name.title(): value for name, value in headers.items()}
    answer = toys.router.handle_connect(opening(headers=sent, **query))
    assert refusal(answer)[:2] == (403, 4403)
    assert toys.openings == []


def test_a_page_of_this_machine_is_let_in(toys: Toys) -> None:
    headers = {"Host": "localhost:8003", "Origin": "http://127.0.0.1:5173"}
    assert toys.router.handle_connect(opening(headers=headers, token="ann"))["statusCode"] == 200


def test_a_query_that_names_something_twice_is_refused(toys: Toys) -> None:
    event = opening(token="ann") | {"multiValueQueryStringParameters": {"token": ["ann", "bob"], "path": ["/x"]}}
    assert refusal(toys.router.handle_connect(event)) == (400, 4400, "token is given more than once")


def test_a_query_parameter_that_is_not_known_is_refused_and_named(toys: Toys) -> None:
    what = "colour is not a query parameter of this WebSocket, which has color, token"
    assert refusal(toys.router.handle_connect(opening(colour="red"))) == (400, 4400, what)
    assert toys.openings == []


@pytest.mark.parametrize(("name", "code"), [("Origin", 4403), ("Authorization", 4401)])
def test_a_header_that_counts_once_is_refused_when_it_comes_twice(toys: Toys, name: str, code: int) -> None:
    event = opening() | {"multiValueHeaders": {name: ["https://evil.example", "Bearer ann"]}}
    assert refusal(toys.router.handle_connect(event))[1:] == (code, f"{name} is given more than once")
    assert toys.openings == []


def test_without_a_path_nothing_is_served(toys: Toys) -> None:
    event = opening() | {"queryStringParameters": None, "headers": None}
    assert refusal(toys.router.handle_connect(event))[:2] == (404, 4404)


def test_a_token_may_stand_in_the_query_and_the_header_is_preferred(toys: Toys) -> None:
    assert toys.router.handle_connect(opening(headers={}, token="ann"))["statusCode"] == 200
    assert toys.router.handle_connect(opening(headers={"AUTHORIZATION": "Bearer ann"}, token="x"))["statusCode"] == 200
    assert toys.router.handle_connect(opening(headers={"Authorization": "Bearer x"}, token="ann"))["statusCode"] == 401


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidRequest("bad"), (400, 4400, "bad")),
        (Unauthenticated("who"), (401, 4401, "who")),
        (NotFound("Worker", "7"), (404, 4404, "Worker not found: 7")),
        (Conflict("taken"), (409, 4409, "taken")),
        (Unavailable("later"), (503, 1011, "later")),
        (ValueError("secret"), (500, 1011, "An unexpected error occurred")),
    ],
)
def test_a_refused_client_gets_the_reason(toys: Toys, error: Exception, said: tuple[int, int, str]) -> None:
    toys.error = error
    assert refusal(toys.router.handle_connect(opening())) == said


def test_a_frame_is_read_by_the_model_of_its_type_and_answered(toys: Toys) -> None:
    assert toys.hear('{"type": "add", "numbers": [1, 2]}') == {"type": "sum", "of": "c1", "sum": 3}
    assert toys.sent[-1][0] == "c1"


def test_a_frame_may_need_no_answer(toys: Toys) -> None:
    assert toys.hear('{"type": "quiet"}') is None


def test_a_binary_frame_is_read_as_text(toys: Toys) -> None:
    body = base64.b64encode(b'{"type": "add", "numbers": [4]}').decode()
    assert toys.hear(body, isBase64Encoded=True)["sum"] == 4


@pytest.mark.parametrize(
    ("text", "message", "fields"),
    [
        ("", "The frame is not valid JSON", {}),
        ("{", "The frame is not valid JSON", {}),
        ('{"type": "add", "numbers": [1e400]}', "The frame is not valid JSON: a number in it", {}),
        ("[" * 100_000, "The frame is not valid JSON", {}),
        ("[]", 'A frame must be a JSON object with a type, such as {"type": "pong"}', {}),
        ('{"type": ["add"]}', "A frame must be a JSON object with a type", {}),
        ('{"type": "sub"}', "type: must be one of: add, fail, quiet", {"type": "must be one of: add, fail, quiet"}),
        ('{"type": "add"}', "Missing required field: numbers", {"numbers": "is required"}),
        (
            '{"type": "add", "numbers": ["x"]}',
            'numbers.0: must be an integer, got "x"',
            {"numbers.0": 'must be an integer, got "x"'},
        ),
    ],
)
def test_a_malformed_frame_is_answered_with_what_would_be_right(
    toys: Toys, text: str, message: str, fields: dict[str, str]
) -> None:
    answer = toys.hear(text)
    assert (answer["type"], answer["error"]["code"], answer["read"]) == ("error", "INVALID_INPUT", False)
    assert answer["error"]["message"].startswith(message)
    assert answer["error"]["details"] == fields


@pytest.mark.parametrize(
    ("error", "code"),
    [(Conflict("no"), "CONFLICT"), (Unavailable("later"), "UNAVAILABLE"), (OSError("secret"), "INTERNAL_ERROR")],
)
def test_an_error_of_a_handler_is_answered_with_the_frame_at_hand(toys: Toys, error: Exception, code: str) -> None:
    toys.error = error
    answer = toys.hear('{"type": "fail"}')
    assert (answer["error"]["code"], answer["read"]) == (code, True)
    assert "secret" not in json.dumps(answer)


@pytest.mark.parametrize("act", [WebSocketRouter.handle_message, WebSocketRouter.handle_disconnect])
def test_of_an_unknown_connection_there_is_nothing_to_say(
    toys: Toys, act: Callable[[WebSocketRouter, Event], Any]
) -> None:
    event = {"requestContext": {"connectionId": "c2"}, "body": '{"type": "add", "numbers": []}'}
    assert act(toys.router, event) == {"statusCode": 200}
    assert (toys.sent, toys.closed) == ([], [])


def test_the_channel_handles_the_end_of_a_connection(toys: Toys) -> None:
    assert toys.router.handle_disconnect({"requestContext": {"connectionId": "c1"}}) == {"statusCode": 200}
    assert toys.closed == [Connection("c1")]

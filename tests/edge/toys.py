"""A toy API that uses every feature of the kernel, and a client that sends it API Gateway's events."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from chalice.app import Chalice
from pydantic import BeforeValidator, ConfigDict, Field, JsonValue, WithJsonSchema

from chalicelib.edge import (
    Api,
    Caller,
    CamelSchema,
    Created,
    FlatErrors,
    Header,
    Limit,
    Query,
    Reply,
    Request,
    Routes,
    documentation_routes,
    routes_of,
)
from chalicelib.edge.api import VARIABLE
from chalicelib.errors import Conflict, InvalidRequest, NotFound, Unauthenticated

RESET_AT = 1_704_557_400


@dataclass(frozen=True)
class Principal:
    org: str = "acme"
    subject: str = "ann"
    role: str = "user"
    plan: str = "free"


@dataclass(frozen=True)
class Grant:
    allowed: bool
    limit: int
    remaining: int
    reset_at: int = RESET_AT
    retry_after: int = 0


@dataclass
class Limiter:
    """Admits requests up to the limit, for each name of a limit."""

    used: dict[str, int] = field(default_factory=dict)

    def admit(self, caller: Caller, name: str, limit: Limit) -> Grant:
        used = self.used[name] = self.used.get(name, 0) + 1
        left = max(limit.count - used, 0)
        return Grant(used <= limit.count, limit.count, left, retry_after=0 if used <= limit.count else 12)


def authenticate(request: Request) -> Principal:
    """The token is the name of the role."""
    scheme, _, role = request.headers.get("authorization", "").partition(" ")
    if scheme != "Bearer":
        raise Unauthenticated("Invalid or expired token")
    return Principal(role=role)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Part(CamelSchema):
    name: str = Field(min_length=1, max_length=20)
    weight: float | None = None


class ToyIn(CamelSchema):
    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "car", "priority": 1}]})

    kind: str = Field(description="What it is.")
    priority: int = Field(ge=0, le=9)
    max_speed: int | str = 3
    parts: list[Part] = Field(default=[], max_length=3)
    payload: dict[str, JsonValue] = Field(default_factory=dict)


class ToyOut(CamelSchema):
    toy_id: str
    note: str | None = None
    facts: dict[str, Any] = Field(default_factory=dict)


class Patch(CamelSchema):
    note: str | None = None


ToyId = Annotated[str, Field(min_length=2, max_length=40, description="The toy's id.")]

toys = Routes("/api/toys", tag="Toys")
admin = Routes("/api/admin", tag="Admin", role="admin")


@toys.post(limit="creation", errors=[409])
def create_toy(
    caller: Caller, body: ToyIn, key: Annotated[str | None, Header("Idempotency-Key")] = None
) -> Created[ToyOut]:
    """Make a toy.

    The key makes it safe to repeat.
    """
    if body.kind == "taken":
        raise Conflict("There is such a toy")
    made = ToyOut(toy_id=f"{body.kind}-1", facts={"priority": body.priority, "key": key, "org": caller.org})
    return Created(made, location=f"/api/toys/{made.toy_id}")


@toys.get()
def list_toys(
    colour: Colour | None = None,
    size: Literal["s", "m"] = "s",
    page_size: Annotated[int, Query("pageSize"), Field(ge=1, le=100)] = 20,
    made_on: Annotated[date | None, Query("madeOn")] = None,
    loud: bool = False,
) -> ToyOut:
    return ToyOut(
        toy_id="all", facts={"colour": colour, "size": size, "pageSize": page_size, "madeOn": made_on, "loud": loud}
    )


@toys.get("/search")
def search_toys(text: str, trace: Annotated[str, Header("X-Trace")]) -> ToyOut:
    return ToyOut(toy_id=text, note=trace)


@toys.get("/{toy_id}")
def get_toy(toy_id: ToyId) -> ToyOut:
    if toy_id == "missing":
        raise NotFound("Toy", toy_id)
    return ToyOut(toy_id=toy_id, note="größer ✓")


@toys.patch("/{toy_id}")
def change_toy(toy_id: ToyId, body: Patch | None = None) -> Reply[ToyOut]:
    return Reply(ToyOut(toy_id=toy_id, note=body.note if body else "nothing"), headers={"X-Version": "2"})


@toys.put("/{toy_id}")
def replace_toy(toy_id: ToyId, body: Patch) -> ToyOut:
    return ToyOut(toy_id=toy_id, note=body.note)


@toys.delete("/{toy_id}", status=204)
def delete_toy(toy_id: ToyId) -> None:
    """Throw it away."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


Tags = Annotated[tuple[str, ...], Query(many=True), BeforeValidator(_split), WithJsonSchema({"type": "string"})]


@toys.get("/tagged")
def tagged(tags: Tags = ()) -> ToyOut:
    """Toys with tags."""
    return ToyOut(toy_id="x", facts={"tags": list(tags)})


@toys.get("/{toy_id}/files/{path+}", name="get_file")
def get_file(toy_id: ToyId, path: str) -> ToyOut:
    return ToyOut(toy_id=toy_id, note=path)


@admin.post("/break", summary="Break")
def break_things(how: str) -> ToyOut:
    if how == "input":
        raise InvalidRequest("That is no way to break")
    if how == "output":
        ToyOut.model_validate({"toyId": 3})
    raise RuntimeError(f"secret details of {how}")


@admin.get("/either", role=("server", "admin"))
def for_either(caller: Caller) -> ToyOut:
    return ToyOut(toy_id=caller.role)


@admin.get("/anyone", role=None)
def for_anyone(caller: Caller) -> ToyOut:
    return ToyOut(toy_id=caller.role)


@admin.get("/health", public=True)
def health() -> ToyOut:
    return ToyOut(toy_id="ok", facts={"nan": float("nan")})


def api_of(*groups: Routes, limiter: Limiter | None = None) -> Api:
    """The toy API, or one with other groups."""
    return Api(
        name="toys",
        title="Toys & <more>",
        version="1.2.3",
        description="A toy API.",
        port=8999,
        dialect=FlatErrors(),
        groups=groups or (toys, admin, documentation_routes(lambda: API)),
        limits={"default": Limit(100, 60), "creation": Limit(2, 60)},
        authenticate=authenticate,
        admit=(limiter or Limiter()).admit,
    )


API = api_of()


def build_api() -> Api:
    """The toy API with an unused limiter."""
    return replace(API, admit=Limiter().admit)


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Client:
    """Calls the app as Lambda does. Paths are resolved as by API Gateway."""

    app: Chalice
    api: Api
    role: str | None = "user"

    def __call__(self, method: str, path: str, body: Any = None, *, resource: str | None = None, **more: Any) -> Answer:
        template, values = self._resolve(path)
        headers = {"Content-Type": "application/json"} if body is not None else {}
        headers |= more.get("headers", {})
        if self.role:
            headers["Authorization"] = f"Bearer {self.role}"
        text = body if isinstance(body, str | bytes | None) else json.dumps(body)
        event = gateway_event(method, path, resource or template, values, headers, text, more.get("query"))
        return read_answer(self.app(event, None))

    def _resolve(self, path: str) -> tuple[str, dict[str, str] | None]:
        """Fixed segments go before variables, as in API Gateway."""
        segments = path.strip("/").split("/")
        for template in sorted({endpoint.path for endpoint in routes_of(self.api)}):
            wanted = template.strip("/").split("/")
            if wanted[-1].endswith("+}") and len(segments) >= len(wanted):
                merged = [*segments[: len(wanted) - 1], "/".join(segments[len(wanted) - 1 :])]
            else:
                merged = segments
            pairs = list(zip(wanted, merged, strict=False))
            if len(wanted) == len(merged) and all(want == have or "{" in want for want, have in pairs):
                values = {match[1]: have for want, have in pairs if (match := VARIABLE.fullmatch(want))}
                return template, values or None
        return path, None


def gateway_event(
    method: str,
    path: str,
    resource: str,
    values: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
    body: str | bytes | None = None,
    query: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    """A REST (v1) proxy event of API Gateway. A body of bytes is in base64."""
    encoded = isinstance(body, bytes)
    return {
        "resource": resource,
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "queryStringParameters": {name: found[-1] for name, found in query.items()} if query else None,
        "multiValueQueryStringParameters": query,
        "pathParameters": values,
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": resource,
            "httpMethod": method,
            "path": f"/api{path}",
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": base64.b64encode(body).decode() if isinstance(body, bytes) else body,
        "isBase64Encoded": encoded,
    }


def read_answer(raw: dict[str, Any]) -> Answer:
    return Answer(raw["statusCode"], raw["headers"], raw["body"])

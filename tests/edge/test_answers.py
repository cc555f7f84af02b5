"""Public endpoints with answers of their own."""

from dataclasses import replace
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.edge import Bare, FormSchema, Html, Redirect, Request, Routes, Schema, openapi
from tests.edge.toys import API
from tests.support.client import Client

routes = Routes("/gate", tag="Gate", public=True)


class KnockIn(FormSchema):
    word: str = ""


class Refusal(Schema):
    error: str


@routes.get(answers={400: Html, 403: Html})
def look(request: Request, at: str = "") -> Html | Redirect:
    """Repeated parameters, or a redirect."""
    return Html(" ".join(sorted(request.repeated)), status=403) if request.repeated else Redirect(f"/gate/{at}")


@routes.post(answers={400: Refusal})
def knock(body: KnockIn) -> Bare[Refusal]:
    """Knock."""
    return Bare(Refusal(error="wrong"), 400)


GATE = replace(API, groups=(routes,))


def responses(method: str) -> Any:
    return openapi(GATE)["paths"]["/gate"][method]["responses"]


def test_what_was_given_more_than_once_is_known() -> None:
    client = Client(GATE)
    assert client.get("/gate?at=1&at=2&b=3&c=4&c=4").text == "at c"
    assert client.get("/gate?at=1&b=3").headers["location"] == "/gate/1"


def test_an_answer_of_its_own_stands_beside_the_common_error() -> None:
    documented = responses("get")
    assert list(documented) == ["200", "303", "400", "413", "500", "403"]
    assert list(documented["400"]["content"]) == ["application/json", "text/html"]
    assert list(documented["403"]["content"]) == ["text/html"]
    [own, common] = responses("post")["400"]["content"]["application/json"]["schema"]["anyOf"]
    assert (own, common) == ({"$ref": "#/components/schemas/Refusal"}, {"$ref": "#/components/schemas/Error"})


def test_the_document_is_valid_and_tells_the_public_of_no_limits() -> None:
    assert list(OpenAPIV31SpecValidator(openapi(GATE)).iter_errors()) == []
    for method in ("get", "post"):
        assert all(list(one["headers"])[-1] in ("X-Request-Id", "Location") for one in responses(method).values())
        assert not any("X-RateLimit-Limit" in one["headers"] for one in responses(method).values())

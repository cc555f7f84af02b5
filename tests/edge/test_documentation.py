"""The OpenAPI document is valid and correct; the page needs no network."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.edge import Api, docs_page, openapi, routes_of
from chalicelib.edge.documentation import _escape_script
from tests.edge.toys import API, Client


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return openapi(API)


def test_the_document_is_valid(spec: dict[str, Any]) -> None:
    assert list(OpenAPIV31SpecValidator(spec).iter_errors()) == []


def test_it_has_every_endpoint_once(spec: dict[str, Any]) -> None:
    documented = {operation["operationId"] for path in spec["paths"].values() for operation in path.values()}
    assert documented == {endpoint.name for endpoint in routes_of(API)}


def test_an_operation_is_described_from_its_endpoint(spec: dict[str, Any]) -> None:
    create = spec["paths"]["/api/toys"]["post"]
    assert (create["summary"], create["description"]) == ("Make a toy", "The key makes it safe to repeat.")
    assert create["tags"] == ["Toys"]
    assert create["security"] == [{"bearer": []}, {"apiKey": []}]
    assert list(create["responses"]) == ["201", "400", "401", "409", "413", "415", "429", "500", "503"]
    assert create["responses"]["201"]["headers"].keys() >= {"Location", "X-RateLimit-Limit", "X-Request-Id"}
    body = create["requestBody"]
    assert body["required"]
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/ToyIn"}
    made = spec["components"]["schemas"]["ToyIn"]
    assert made["examples"] == [{"kind": "car", "priority": 1}]
    assert "maxSpeed" in made["properties"]


def test_parameters_are_described_with_their_bounds(spec: dict[str, Any]) -> None:
    listed = {item["name"]: item for item in spec["paths"]["/api/toys"]["get"]["parameters"]}
    assert listed["pageSize"] == {
        "name": "pageSize",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
    }
    assert listed["madeOn"]["schema"] == {"type": "string", "format": "date"}
    assert listed["size"]["schema"] == {"type": "string", "enum": ["s", "m"], "default": "s"}
    [toy_id] = spec["paths"]["/api/toys/{toy_id}"]["get"]["parameters"]
    assert (toy_id["in"], toy_id["required"], toy_id["description"]) == ("path", True, "The toy's id.")


def test_statuses_follow_from_the_endpoint(spec: dict[str, Any]) -> None:
    assert list(spec["paths"]["/api/admin/break"]["post"]["responses"]) == [
        "200", "400", "401", "403", "413", "429", "500", "503",
    ]  # fmt: skip
    health = spec["paths"]["/api/admin/health"]["get"]
    assert (list(health["responses"]), health["security"]) == (["200", "413", "500"], [])
    assert "content" not in spec["paths"]["/api/toys/{toy_id}"]["delete"]["responses"]["204"]
    assert spec["paths"]["/docs"]["get"]["responses"]["200"]["content"] == {"text/html": {"schema": {}}}
    assert not spec["paths"]["/api/toys/{toy_id}"]["put"]["requestBody"]["required"]


def test_errors_are_in_the_dialect(spec: dict[str, Any]) -> None:
    refused = spec["components"]["responses"]["TooManyRequests"]
    assert refused["content"]["application/json"]["example"]["error"] == "Too many requests"
    assert "Retry-After" in refused["headers"]


def test_greedy_paths_are_plain_variables_here(spec: dict[str, Any]) -> None:
    assert "/api/toys/{toy_id}/files/{path}" in spec["paths"]


def test_the_document_is_served(stranger: Client, spec: dict[str, Any]) -> None:
    answer = stranger("GET", "/openapi.json")
    assert (answer.headers["Content-Type"], answer.json) == ("application/json", spec)


class Scripts(HTMLParser):
    """Collects the page's scripts, and every attribute that would load something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.loads: list[str | None] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loads += [value for name, value in attrs if name in {"src", "href"}]
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.scripts:
            self.scripts[-1] += data


def test_the_page_loads_nothing_from_elsewhere(stranger: Client) -> None:
    answer = stranger("GET", "/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert Scripts(answer.text).loads == ["data:,"]
    style = answer.text.partition("<script>")[0]
    assert "@import" not in style
    assert {target[:5] for target in re.findall(r"url\(\s*[\"']?([^)]*)", style)} == {"data:"}


def test_the_page_holds_its_scripts_whole(api: Api) -> None:
    page = docs_page(api)
    bundle, start = Scripts(page).scripts[:2]
    assert len(bundle) > 1_000_000
    assert '"openapi.json"' in start
    assert page.count("<!--") == 0
    assert page.count("</script") == 2
    assert "<title>Toys &amp; &lt;more&gt;</title>" in page


def test_inlined_script_cannot_end_early() -> None:
    assert _escape_script("a='</script><!-- '") == r"a='\x3c/script>\x3c!-- '"

from typing import Any

import pytest

from chalicelib.apis.projects import api
from tests.support.client import Client, token
from tests.support.conformance import conformance
from tests.support.world import World

PATH = "/api/v1/oauth/clients"
APP = {"name": "Roadmap", "redirectUris": ["https://app.example/cb"], "scopes": ["tasks:read"]}


@pytest.fixture(scope="module")
def mounted_client() -> Client:
    return Client(api, conformance(api))


@pytest.fixture
def client(world: World, mounted_client: Client) -> Client:
    return mounted_client


def test_an_admin_registers_lists_and_deletes_applications(client: Client) -> None:
    reply = client.post(PATH, APP, token=token())
    assert reply.status == 201
    data = reply.json["data"]
    assert reply.headers["location"] == f"{PATH}/{data['clientId']}"
    assert (data["type"], data["clientSecret"][:3]) == ("confidential", "cs_")
    listed = client.get(PATH, token=token()).json
    assert listed["data"] == [data | {"clientSecret": None}] and listed["pagination"]["total"] == 1
    assert client.delete(f"{PATH}/{data['clientId']}", token=token(org="other")).status == 404
    gone = {"id": data["clientId"], "deleted": True}
    assert client.delete(f"{PATH}/{data['clientId']}", token=token()).json["data"] == gone
    assert client.delete(f"{PATH}/{data['clientId']}", token=token()).status == 404


def test_a_public_application_has_no_secret(client: Client) -> None:
    made = client.post(PATH, APP | {"type": "public", "redirectUris": ["http://127.0.0.1/cb"]}, token=token())
    assert made.json["data"]["clientSecret"] is None


def test_only_an_admin_manages_applications(client: Client) -> None:
    assert client.post(PATH, APP, token=token("user")).status == 403
    assert client.get(PATH, token=token("user")).status == 403
    assert client.delete(f"{PATH}/client_x", token=token("user")).status == 403
    assert client.post(PATH, APP).status == 401


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"redirectUris": []}, "redirectUris"),
        ({"redirectUris": ["https://app.example/cb"] * 11}, "redirectUris"),
        ({"redirectUris": ["http://app.example/cb"]}, "redirectUris.0"),
        ({"redirectUris": ["https://app.example/#x"]}, "redirectUris.0"),
        ({"redirectUris": ["https://*.example/"]}, "redirectUris.0"),
        ({"redirectUris": [3]}, "redirectUris.0"),
        ({"type": "secret"}, "type"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes.0"),
    ],
)
def test_what_an_application_may_not_be(client: Client, more: dict[str, Any], field: str) -> None:
    refused = client.post(PATH, APP | more, token=token())
    assert refused.status == 422 and list(refused.json["error"]["details"]) == [field], refused.text

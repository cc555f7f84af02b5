"""Codes and consents with concurrent callers and deaths, and the number of calls of each step."""

from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.domain.document import Document
from chalicelib.engine.accounts import sessions, users
from chalicelib.engine.oauth import authorization, clients
from chalicelib.engine.oauth.authorization import Answer, Question, Refusal
from chalicelib.engine.oauth.clients import Client, Registration
from chalicelib.errors import Conflict, NotFound, Unauthenticated, Unavailable
from chalicelib.storage.access.table import AccessTable
from tests.support import aws, people
from tests.support.world import ORG, World

BACK = "https://app.example/callback"
APP = Registration("Roadmap", (BACK,), ("tasks:read", "agents:read"), public=False)
HERE = "https://api.example"


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


@pytest.fixture
def application(world: World) -> tuple[Client, str]:
    client, secret = clients.register(ORG, "user_admin", APP)
    assert secret is not None
    return client, secret


def put(client: Client, **more: str) -> Question:
    found = authorization.read_question({"client_id": client.id, "response_type": "code"} | more, HERE)
    assert isinstance(found, Question), found
    return found


def code(user: Document, client: Client) -> str:
    location = authorization.approve(user, put(client))
    return location.partition("code=")[2].partition("&")[0]


def redeem(application: tuple[Client, str], granted: str) -> Answer:
    client, secret = application
    form = {"grant_type": "authorization_code", "code": granted, "client_id": client.id, "client_secret": secret}
    return authorization.exchange(form, None)


def open_sessions() -> list[str]:
    return [item.id for item in aws.items(AccessTable) if item.id.startswith("session#")]


def count_calls(work: Callable[[], object]) -> int:
    with aws.counting() as counted:
        work()
    return counted.total()


def test_of_two_who_redeem_a_code_at_once_one_gets_tokens_which_the_other_ends(ada: Document, application: Any) -> None:
    granted, between = code(ada, application[0]), []

    def redeem_meanwhile(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call[1] == "TransactWriteItems" and not between:
            between.append(None)
            between[0] = redeem(application, granted)
        return send()

    with aws.interfering(redeem_meanwhile):
        later = redeem(application, granted)
    assert (between[0].status, later.status, later.body["error"]) == (200, 400, "invalid_grant")
    with pytest.raises(Unauthenticated):
        sessions.authenticate(between[0].body["access_token"])
    assert open_sessions() == []


@pytest.mark.parametrize("applied", [False, True])
@pytest.mark.parametrize("dying", range(5))
def test_an_exchange_that_dies_anywhere_never_opens_two_sessions(
    ada: Document, application: Any, dying: int, applied: bool
) -> None:
    granted, numbers = code(ada, application[0]), iter(range(100))

    def die(call: aws.Call, send: Callable[[], Any]) -> Any:
        number = next(numbers)
        if number == dying and applied:
            send()
        if number >= dying:
            raise Unavailable("dead")
        return send()

    with aws.interfering(die), pytest.raises(Unavailable):
        redeem(application, granted)
    again = redeem(application, granted)
    if dying == 4 and applied:  # the session was opened, but its tokens were lost: to use the code again ends it
        assert again.body["error"] == "invalid_grant"
        assert open_sessions() == []
    else:
        assert again.status == 200
        assert len(open_sessions()) == 1


def test_a_code_is_issued_also_when_the_answer_was_lost(ada: Document, application: Any) -> None:
    with aws.interfering(aws.send_again):
        granted = code(ada, application[0])
    assert redeem(application, granted).status == 200


def test_each_step_keeps_to_its_budget(world: World, ada: Document, application: Any) -> None:
    client, secret = application
    question, answers = put(client), []
    assert count_calls(lambda: put(client)) == 2
    assert count_calls(lambda: answers.append(authorization.approve(ada, question))) == 3
    granted = code(ada, client)
    assert count_calls(lambda: answers.append(redeem(application, granted))) == 5
    form = {"grant_type": "refresh_token", "refresh_token": answers[-1].body["refresh_token"]}
    assert (
        count_calls(lambda: authorization.exchange(form | {"client_id": client.id, "client_secret": secret}, None)) == 4
    )


def test_neither_a_secret_nor_a_code_can_be_read_from_the_tables(ada: Document, application: Any) -> None:
    granted = code(ada, application[0])
    stored = str([item.attribute_values for item in aws.items(AccessTable)]) + str(clients.list_clients(ORG))
    assert application[1] not in stored and granted not in stored


def test_a_consent_grows_and_is_the_users_own(world: World, ada: Document, application: Any) -> None:
    client, _ = application
    for scope in ("tasks:read", "agents:read", "tasks:read"):
        authorization.approve(users.get(ORG, ada.id), put(client, scope=scope))
    found = users.get(ORG, ada.id)
    assert found.body["consents"] == {client.id: ["agents:read", "tasks:read"]}
    assert authorization.has_consented(found, put(client))
    assert not authorization.has_consented(people.user(world, name="Bob"), put(client))


def test_applications_are_their_orgs_own(world: World, application: Any) -> None:
    client, _ = application
    assert clients.list_clients(ORG) == [client]
    assert clients.list_clients("other") == []
    with pytest.raises(NotFound):
        clients.delete("other", client.id)
    clients.delete(ORG, client.id)
    assert clients.find(client.id) is None
    assert isinstance(authorization.read_question({"client_id": client.id, "response_type": "code"}, HERE), Refusal)


def test_an_org_has_so_many_applications_and_no_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MAX_CLIENTS", 2)
    for _ in range(2):
        clients.register(ORG, "user_admin", APP)
    with pytest.raises(Conflict, match="At most 2"):
        clients.register(ORG, "user_admin", APP)


def test_seeding_again_changes_nothing(world: World) -> None:
    for name in ("one", "two"):
        clients.ensure_client("local", "YOUR_CLIENT_ID", "YOUR_CLIENT_SECRET", APP._replace(name=name))
    found = clients.find("YOUR_CLIENT_ID")
    assert found is not None and (found.name, found.org) == ("one", "local")


def test_a_consent_to_a_part_is_none_to_the_whole(ada: Document, application: tuple[Client, str]) -> None:
    client, _ = application
    authorization.approve(ada, put(client, scope="tasks:read"))
    now = users.get(ORG, ada.id)
    assert authorization.has_consented(now, put(client, scope="tasks:read"))
    assert not authorization.has_consented(now, put(client, scope="tasks:read agents:read"))

"""The webhooks of an org: their secrets, URLs and number."""

from collections.abc import Iterator

import pytest

from chalicelib import config
from chalicelib.domain.deliveries import signatures
from chalicelib.engine.documents import documents
from chalicelib.engine.webhooks import endpoints, redelivery
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.providers.http import outbound
from tests.engine.helpers import run_together
from tests.engine.receivers import SECRET, fact, happen, receiver
from tests.providers.conftest import FakeNetwork
from tests.providers.http.test_outbound import ALIASES_OF_INTERNAL
from tests.support import aws
from tests.support.world import ORG, World

SAID = {"url": "https://one.example/", "events": ["task.created"], "active": True, "headers": {}}


@pytest.fixture
def fake_network(world: World) -> Iterator[FakeNetwork]:
    """The real outbound client with its rules for AWS, and a network of the test's own."""
    network, before = FakeNetwork(), config.replace(allow_loopback=False)
    earlier, sender = outbound.use_network(network), outbound.use_sender(outbound._send)
    yield network
    outbound.use_network(earlier)
    outbound.use_sender(sender)
    config.restore(before)


def test_no_name_of_an_internal_address_becomes_a_webhook(fake_network: FakeNetwork, world: World) -> None:
    for host in ALIASES_OF_INTERNAL:
        with pytest.raises(InvalidRequest, match="not on the public internet") as refused:
            endpoints.create(ORG, SAID | {"url": f"https://{host}/hook"}, None, by="dev")
        assert list(refused.value.fields) == ["url"]
    assert (endpoints.list_all(ORG), len(fake_network.lookups)) == ([], len(ALIASES_OF_INTERNAL))


@pytest.fixture
def dialled_addresses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address to which the client would open a connection."""
    found: list[str] = []
    monkeypatch.setattr(outbound._Call, "_connect_to", lambda _, address: found.append(address))
    return found


def test_what_was_let_in_by_mistake_is_not_called_either(
    fake_network: FakeNetwork, world: World, dialled_addresses: list[str]
) -> None:
    webhook = endpoints.create(ORG, SAID, None, by="dev").webhook
    for host in ALIASES_OF_INTERNAL[::8]:
        endpoints.documents.merge(ORG, endpoints.KIND, webhook.id, {"url": f"https://{host}/hook"})
        [attempt] = redelivery.send_test(ORG, webhook.id).attempts
        assert (attempt.status, attempt.error) == (None, "forbidden address")
    assert dialled_addresses == []


@pytest.mark.parametrize("url", ["http://one.example/", "https://u:p@one.example/", "https://one.example:22/", "x"])
def test_a_url_that_breaks_a_rule_becomes_no_webhook(url: str, fake_network: FakeNetwork) -> None:
    with pytest.raises(InvalidRequest, match="url: "):
        endpoints.create(ORG, SAID | {"url": url}, None, by="dev")
    assert fake_network.lookups == []


def test_a_name_that_turns_internal_later_is_refused_at_each_attempt(
    fake_network: FakeNetwork, world: World, dialled_addresses: list[str]
) -> None:
    fake_network.names["rebinding.example"] = [["1.1.1.1"], ["169.254.169.254"]]
    webhook = endpoints.create(ORG, SAID | {"url": "https://rebinding.example/"}, None, by="dev").webhook
    happen(fact())
    world.settle()
    world.advance(400)
    [found] = redelivery.list_deliveries(ORG, webhook.id, None)
    assert [attempt.error for attempt in found.attempts] == ["forbidden address"] * 3
    assert dialled_addresses == []
    with pytest.raises(InvalidRequest):
        endpoints.update(ORG, webhook.id, {"url": "https://rebinding.example/again"}, by="dev")


def test_a_secret_is_made_where_none_is_given_and_kept_sealed(world: World) -> None:
    creation = endpoints.create(ORG, SAID, None, by="dev")
    assert creation.secret.startswith("whsec_")
    assert signatures.is_usable(creation.secret)
    assert creation.secret not in str(creation.webhook.body)
    assert endpoints.signing_secrets(creation.webhook) == [creation.secret]
    with pytest.raises(InvalidRequest, match="base64"):
        endpoints.create(ORG, SAID, "whsec_not base64!", by="dev")


def test_a_secret_opens_for_its_own_webhook_only(world: World) -> None:
    one, other = (endpoints.create(ORG, SAID, SECRET, by="dev").webhook for _ in range(2))
    other.body["secret"] = one.body["secret"]  # type: ignore[index]
    with pytest.raises(ValueError, match="another context"):
        endpoints.signing_secrets(other)


def test_while_a_secret_is_changed_both_sign(world: World) -> None:
    webhook = receiver(world)
    fresh = endpoints.rotate_secret(ORG, webhook.webhook.id, None, 3_600_000, by="dev").secret

    def read_signatures() -> tuple[int, bool]:
        headers, body = webhook.posts[-1]
        expected = signatures.signature_headers([fresh, SECRET], "evt", 0, body)
        both = headers.get(signatures.OWN_PREVIOUS_HEADER) == expected[signatures.OWN_PREVIOUS_HEADER]
        assert headers[signatures.OWN_HEADER] == expected[signatures.OWN_HEADER]
        return len(headers["webhook-signature"].split()), both

    redelivery.send_test(ORG, webhook.webhook.id)
    assert read_signatures() == (2, True)
    world.clock.advance(3600)
    redelivery.send_test(ORG, webhook.webhook.id)
    assert read_signatures() == (1, False)


def test_an_org_has_at_most_fifty_though_they_come_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoints, "MAX_WEBHOOKS", 3)
    made = run_together([lambda: endpoints.create(ORG, SAID, SECRET, by="dev")] * 6)
    assert sum(isinstance(one, Conflict) for one in made) == 3
    found = endpoints.list_all(ORG)
    assert len(found) == 3
    endpoints.delete(ORG, found[0].id)
    endpoints.create(ORG, SAID, SECRET, by="dev")
    endpoints.create("rival", SAID, SECRET, by="dev")


def test_another_tenants_is_not_there(world: World) -> None:
    webhook = endpoints.create(ORG, SAID, SECRET, by="dev").webhook
    for ask in (
        lambda: endpoints.get("rival", webhook.id),
        lambda: endpoints.update("rival", webhook.id, {"active": False}, by="x"),
        lambda: endpoints.rotate_secret("rival", webhook.id, None, 0, by="x"),
        lambda: endpoints.delete("rival", webhook.id),
        lambda: redelivery.send_test("rival", webhook.id),
    ):
        with pytest.raises(NotFound):
            ask()
    assert endpoints.get(ORG, webhook.id) == webhook
    happen(fact(org="rival"))
    world.settle()
    assert world.calls == []


def test_to_disable_again_changes_nothing_and_one_that_is_gone_is_no_error(world: World) -> None:
    webhook = endpoints.create(ORG, SAID, SECRET, by="dev").webhook
    endpoints.disable(ORG, webhook.id, webhook.body["url"], "gone")
    first = endpoints.get(ORG, webhook.id)
    endpoints.disable(ORG, webhook.id, webhook.body["url"], "failing")
    assert endpoints.get(ORG, webhook.id) == first
    endpoints.disable(ORG, "webhook_unknown", webhook.body["url"], "gone")


def test_a_secret_that_cannot_be_opened_is_an_attempt_that_failed(world: World) -> None:
    webhook = receiver(world)
    endpoints.documents.merge(ORG, endpoints.KIND, webhook.webhook.id, {"secret": "v1.gone.AAAA"})
    happen(fact())
    world.settle()
    assert webhook.posts == []
    assert "rotate it" in str(webhook.delivery.attempts[0].error)


def test_each_operation_keeps_to_its_budget(world: World) -> None:
    with aws.counting() as calls:
        made = endpoints.create(ORG, SAID, SECRET, by="dev").webhook
        endpoints.list_all(ORG)
        endpoints.get(ORG, made.id)
    assert calls.total() == 3


def test_who_deletes_is_not_told_that_there_is_nothing_when_the_answer_was_lost(world: World) -> None:
    note = documents.create(documents.new(ORG, "note", {}))
    with aws.interfering(aws.send_again):
        assert documents.delete(ORG, "note", note.id) == note
    with pytest.raises(NotFound):
        documents.delete(ORG, "note", note.id)

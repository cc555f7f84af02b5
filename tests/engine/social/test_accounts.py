"""Connected accounts: verified before they are stored, sealed, one for each platform, and no other org's."""

import json

import pytest

from chalicelib.domain.deliveries.receivers import PLATFORMS
from chalicelib.engine.social import accounts
from chalicelib.errors import InvalidRequest, NotConfigured, NotFound, TooManyRequests, Unavailable
from chalicelib.storage.documents.documents import DocumentItem
from tests.support import aws
from tests.support.social import CREDENTIALS, DEAD, PASSWORD, TOKEN, Platforms, platforms
from tests.support.world import ORG, World, answer


@pytest.fixture
def fakes(world: World) -> Platforms:
    return platforms(world)


def test_every_platform_is_listed_with_what_it_says(fakes: Platforms) -> None:
    assert [state.is_connected for state in accounts.list_states(ORG)] == [False] * len(PLATFORMS)
    fakes.connect()
    states = {state.platform: (state.name, state.followers) for state in accounts.list_states(ORG)}
    assert states["twitter"] == ("@acme", 10_000) and states["linkedin"] == ("Ada Lovelace", None)
    assert not any(state.is_connected for state in accounts.list_states("other"))


def test_figures_are_asked_for_once_in_five_minutes(fakes: Platforms) -> None:
    fakes.connect("twitter")
    count = len(fakes.twitter.requests)
    for _ in range(3):
        accounts.list_states(ORG)
    assert len(fakes.twitter.requests) == count + 1
    fakes.world.clock.advance(301)
    fakes.twitter.reply = DEAD
    [state] = [state for state in accounts.list_states(ORG) if state.platform == "twitter"]
    assert (state.name, state.followers, state.error) == ("@acme", None, "no answer: timed out")


def test_credentials_are_stored_sealed(fakes: Platforms) -> None:
    fakes.connect()
    stored = str([(item.body, item.id) for item in aws.items(DocumentItem)])
    assert TOKEN not in stored and PASSWORD not in stored and "@acme" in stored
    assert accounts.require(ORG, ["bluesky"])["bluesky"].settings["app_password"] == PASSWORD


def test_a_sealed_account_is_of_no_use_in_another_org(fakes: Platforms) -> None:
    fakes.connect("twitter")
    [item] = [item for item in aws.items(DocumentItem) if item.kind == accounts.KIND]
    stolen = DocumentItem(f"other#{accounts.KIND}", "twitter", **item.attribute_values | {"org": "other"})
    stolen.partition, stolen.id = f"other#{accounts.KIND}", "twitter"
    stolen.save()
    assert accounts.find("other", ["twitter"]) == {}


def test_refused_credentials_are_not_stored_and_not_repeated(fakes: Platforms) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts.connect(ORG, "twitter", {"access_token": "my-wrong-secret"}, "ada")
    assert list(refused.value.fields) == ["credentials"] and "my-wrong-secret" not in str(refused.value)
    fakes.twitter.reply = answer(401, {"detail": f"{TOKEN} is not valid"})
    with pytest.raises(InvalidRequest) as echoed:
        fakes.connect("twitter")
    assert TOKEN not in str(echoed.value)
    with pytest.raises(NotConfigured, match="Not connected: twitter"):
        accounts.require(ORG, ["twitter"])


@pytest.mark.parametrize(
    ("platform", "credentials", "field"),
    [
        ("twitter", {}, "credentials"),
        ("twitter", {"api_key": "k", "api_secret": "s"}, "credentials"),
        ("mastodon", {"access_token": TOKEN}, "credentials"),
        ("mastodon", {"access_token": TOKEN, "instance": "https://127.0.0.1"}, "credentials.instance"),
        ("mastodon", {"access_token": TOKEN, "instance": "ftp://mastodon.example"}, "credentials.instance"),
        ("bluesky", CREDENTIALS["bluesky"] | {"service": "https://169.254.169.254"}, "credentials.service"),
    ],
)
def test_incomplete_credentials_and_forbidden_addresses_reach_nobody(
    fakes: Platforms, platform: accounts.Platform, credentials: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts.connect(ORG, platform, credentials, "ada")
    assert list(refused.value.fields) == [field] and not fakes.world.calls


def test_an_instance_may_be_named_by_its_host(fakes: Platforms) -> None:
    accounts.connect(ORG, "mastodon", CREDENTIALS["mastodon"] | {"instance": "mastodon.example"}, "ada")
    account = accounts.require(ORG, ["mastodon"])["mastodon"]
    assert account.settings["instance"] == "https://mastodon.example" and account.max_length == 500


def test_a_platform_that_does_not_answer_is_unavailable(fakes: Platforms) -> None:
    fakes.twitter.reply = DEAD
    with pytest.raises(Unavailable, match="twitter does not answer: no answer: timed out"):
        fakes.connect("twitter")


def test_a_new_account_takes_the_place_of_the_earlier_one(fakes: Platforms) -> None:
    fakes.connect("mastodon")
    fakes.world.clock.advance(5)
    accounts.connect(ORG, "mastodon", CREDENTIALS["mastodon"], "ada")
    assert accounts.require(ORG, ["mastodon"])["mastodon"].connected_at == fakes.world.clock.now()


def test_a_disconnected_account_is_gone(fakes: Platforms) -> None:
    fakes.connect("twitter")
    accounts.disconnect(ORG, "twitter")
    with pytest.raises(NotFound):
        accounts.disconnect(ORG, "twitter")
    assert accounts.find(ORG, PLATFORMS) == {}
    assert not [item for item in aws.items(DocumentItem) if "sealed" in json.dumps(dict(item.body or {}))]


def test_an_org_waits_for_ten_requests_at_most(fakes: Platforms) -> None:
    def fill(left: int) -> None:
        if left:
            with accounts.slot(ORG):
                fill(left - 1)
        else:
            fakes.connect("twitter")

    with pytest.raises(TooManyRequests):
        fill(accounts.MAX_AT_ONCE)

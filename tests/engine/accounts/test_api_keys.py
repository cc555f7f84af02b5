import zlib
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.document import Document
from chalicelib.engine.accounts import api_keys, users
from chalicelib.engine.accounts.api_keys import MAX_KEYS, KeyRequest, is_key
from chalicelib.engine.documents import documents
from chalicelib.errors import Conflict, NotFound, Unauthenticated
from chalicelib.storage.access.api_keys import KeyItem
from tests.engine.helpers import run_together
from tests.support import aws, people
from tests.support.world import ORG, START, World

READ = frozenset({"tasks:read"})
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


def create(ada: Document, **wanted: object) -> tuple[api_keys.ApiKey, str]:
    return api_keys.create(ORG, ada.id, KeyRequest(**({"name": "x", "permissions": READ} | wanted)))  # type: ignore[arg-type]


def is_refused(text: str) -> bool:
    try:
        api_keys.authenticate(text)
    except Unauthenticated:
        return True
    return False


def test_a_key_is_its_owner_within_its_permissions_and_rate(ada: Document) -> None:
    key, text = create(ada, requests_per_hour=500, burst=5)
    found = api_keys.authenticate(text)
    assert (found.org, found.subject, found.role, found.plan) == (ORG, ada.id, "developer", "enterprise")
    assert (found.scope, found.rate, found.key, found.session) == (READ, (500, 5), key.id, None)


def test_a_key_is_kept_as_a_fingerprint(ada: Document) -> None:
    _, text = create(ada)
    [item] = [one for one in aws.items(KeyItem) if one.id.startswith("key#")]
    assert text not in repr(item.to_dynamodb_dict())
    assert (len(item.fingerprint), item.last4) == (64, text[-4:])


def test_keys_have_the_shape_of_keys_with_a_checksum(ada: Document) -> None:
    texts = {create(ada)[1] for _ in range(20)}
    assert len(texts) == 20
    for text in texts:
        body, checksum = text[3:-6], text[-6:]
        number = 0
        for digit in checksum:
            number = number * 62 + BASE62.index(digit)
        assert text.startswith("ak_") and len(body) == 48 and number == zlib.crc32(body.encode())
        assert is_key(text)


MANGLED: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "the prefix": lambda _: "ak_",
    "cut short": lambda text: text[:-1],
    "a character more": lambda text: text + "0",
    "two characters exchanged": lambda text: text[:5] + text[6] + text[5] + text[7:],
    "another prefix": lambda text: "sk_" + text[3:],
    "without prefix": lambda text: text[3:],
    "another case": lambda text: text.swapcase(),
    "a space before": lambda text: " " + text,
    "not ascii": lambda text: text[:-1] + "ß",
}


@pytest.mark.parametrize("how", MANGLED)
def test_what_is_no_key_is_refused_without_a_call(ada: Document, how: str) -> None:
    text = MANGLED[how](create(ada)[1])
    with aws.counting() as counted:
        assert is_refused(text)
    assert counted.total() == 0


@given(st.text(max_size=70))
def test_no_text_without_a_valid_checksum_is_a_key(text: str) -> None:
    assert not is_key(text)


def test_a_secret_that_was_guessed_is_refused_though_the_key_is_known(ada: Document) -> None:
    _, text = create(ada)
    api_keys.authenticate(text)
    body = text[3:19] + "0" * 32
    assert is_refused(f"ak_{body}{api_keys._checksum(body)}")
    assert not is_refused(text)


def test_a_key_costs_two_calls_and_then_none_for_ten_seconds_its_use_one_in_five_minutes(
    world: World, ada: Document
) -> None:
    _, text = create(ada)
    costs = []
    for seconds in (0, 5, 5, 300):
        world.clock.advance(seconds)
        with aws.counting() as counted:
            api_keys.authenticate(text), api_keys.authenticate(text)
        costs.append(counted.total())
    assert costs == [3, 0, 2, 3]
    assert [key.last_used_at for key in api_keys.list_keys(ORG, ada.id)] == [START + 310_000]


def test_a_key_is_accepted_though_its_use_cannot_be_recorded(world: World, ada: Document) -> None:
    _, text = create(ada)

    def throttle(call: aws.Call, send: Callable[[], object]) -> object:
        if call[1] == "UpdateItem":
            raise EndpointConnectionError(endpoint_url="x")
        return send()

    with aws.interfering(throttle):
        assert not is_refused(text)


def test_a_revoked_key_is_refused_here_at_once_and_elsewhere_within_ten_seconds(world: World, ada: Document) -> None:
    key, text = create(ada)
    api_keys.authenticate(text)
    api_keys.revoke(ORG, ada.id, key.id)
    assert is_refused(text)
    other, text = create(ada)
    api_keys.authenticate(text)
    remembered = api_keys._recent_keys.get(other.id)
    api_keys.revoke(ORG, ada.id, other.id)
    assert remembered is not None
    api_keys._recent_keys.put(other.id, remembered)
    assert not is_refused(text)
    world.clock.advance(10)
    assert is_refused(text)
    assert api_keys.list_keys(ORG, ada.id) == []
    with pytest.raises(NotFound):
        api_keys.revoke(ORG, ada.id, key.id)


def test_another_s_key_is_not_there_to_be_revoked(world: World, ada: Document) -> None:
    key, text = create(ada)
    eve = people.user(world, name="Eve")
    with pytest.raises(NotFound):
        api_keys.revoke(ORG, eve.id, key.id)
    assert not is_refused(text)


def test_an_expired_key_is_refused_to_the_millisecond_and_not_listed(world: World, ada: Document) -> None:
    _, text = create(ada, expires_at_ms=START + 5_000)
    world.clock.advance(4.999)
    assert not is_refused(text)
    world.clock.advance(0.001)
    assert is_refused(text)
    assert api_keys.list_keys(ORG, ada.id) == []


def test_the_key_of_an_owner_that_is_gone_is_refused(world: World, ada: Document) -> None:
    people.admin(world)
    _, text = create(ada)
    api_keys.authenticate(text)
    users.delete(ORG, ada.id, "user_admin")
    world.clock.advance(10)
    assert is_refused(text)


def test_a_key_has_its_owner_s_present_role(world: World, ada: Document) -> None:
    _, text = create(ada)
    users.change(ORG, ada.id, {"role": "viewer"}, "user_admin")
    world.clock.advance(10)
    assert api_keys.authenticate(text).role == "viewer"


def test_a_user_has_so_many_keys_at_most_and_expired_ones_do_not_count(world: World, ada: Document) -> None:
    for number in range(MAX_KEYS):
        create(ada, expires_at_ms=START + 60_000 if number == 0 else None)
    with pytest.raises(Conflict):
        create(ada)
    world.clock.advance(60)
    create(ada)
    assert len(api_keys.list_keys(ORG, ada.id)) == MAX_KEYS


def test_keys_that_are_created_at_once_are_all_stored(world: World, ada: Document) -> None:
    made = run_together([lambda: create(ada)] * 4)
    assert {key.id for key in api_keys.list_keys(ORG, ada.id)} == {key.id for key, _ in made}


def test_a_caller_that_is_no_user_has_no_keys(world: World) -> None:
    with pytest.raises(NotFound):
        api_keys.create(ORG, "dev", KeyRequest("x", READ))
    with pytest.raises(NotFound):
        api_keys.list_keys(ORG, "dev")


@pytest.mark.parametrize("account_change", [{"status": users.INVITED}, {"keys": {}}])
def test_a_key_is_only_as_good_as_what_its_owner_s_account_says(
    world: World, ada: Document, account_change: Any
) -> None:
    key, text = create(ada)
    standing = api_keys.current_principal(key.id)
    assert standing is not None and (standing.scope, standing.key) == (READ, key.id)
    documents.merge(ORG, "user", ada.id, account_change)
    world.clock.advance(11)
    assert is_refused(text) and api_keys.current_principal(key.id) is None

from collections import Counter

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.engine.accounts import login_throttle, users
from chalicelib.engine.security import passwords
from chalicelib.engine.security.passwords import Cost
from chalicelib.errors import TooManyRequests, Unauthenticated, YardmasterError
from chalicelib.storage.access import logins as storage
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed
from tests.engine.helpers import run_together
from tests.support import aws, people
from tests.support.passwords import CHEAP
from tests.support.people import PASSWORD
from tests.support.world import World

pytestmark = pytest.mark.usefixtures("cheap_hashes")
ADA, HOME, AWAY = people.email("Ada"), "192.0.2.1", "198.51.100.7"


@pytest.fixture
def ada(world: World) -> Document:
    return people.user(world)


def attempt(password: str, address: str = HOME, email: str = ADA) -> str:
    """Try to sign in, and return the outcome as a word."""
    try:
        users.sign_in(email, password, address)
    except TooManyRequests as error:
        return f"locked {error.retry_after}"
    except Unauthenticated as error:
        return error.message
    return "in"


WRONG = "Wrong email or password"


@pytest.mark.parametrize("email", [ADA, ADA.upper(), f"  {ADA} "])
def test_an_email_address_is_one_in_any_case(ada: Document, email: str) -> None:
    assert attempt(PASSWORD, email=email) == "in"


def test_each_try_in_a_row_from_the_fifth_on_locks_for_twice_as_long(world: World, ada: Document) -> None:
    assert [attempt("wrong") for _ in range(5)] == [WRONG] * 5
    for seconds in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert attempt("wrong") == f"locked {seconds}"
        assert attempt(PASSWORD) == f"locked {seconds}", "the right password does not open a lock"
        world.clock.advance(seconds - 0.001)
        assert attempt(PASSWORD) == "locked 1"
        world.clock.advance(0.001)
        assert attempt("wrong") == WRONG
    world.clock.advance(900)
    assert attempt(PASSWORD) == "in"
    assert [attempt("wrong") for _ in range(5)] == [WRONG] * 5


def test_tries_at_once_are_counted_one_by_one(world: World, ada: Document) -> None:
    outcomes = run_together([lambda: users.sign_in(ADA, "wrong", AWAY)] * 30)
    kinds = Counter(type(outcome) for outcome in outcomes)
    assert kinds == {Unauthenticated: 5, TooManyRequests: 25}


def test_an_unknown_email_is_counted_and_locked_as_any_other(world: World, ada: Document) -> None:
    strangers = [attempt("wrong", email="nobody@acme.example") for _ in range(7)]
    assert strangers == [attempt("wrong") for _ in range(7)]


def test_an_unknown_email_costs_the_same_calls_and_the_same_work(
    world: World, ada: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = []
    matches = passwords.is_correct
    monkeypatch.setattr(passwords, "is_correct", lambda *given: checked.append(given[1] is None) or matches(*given))
    costs = []
    for email in (ADA, "nobody@acme.example"):
        with aws.counting() as counted:
            attempt("wrong", email=email)
        costs.append(counted)
    assert costs[0] == costs[1]
    assert checked == [False, True]


def test_strangers_lock_out_nobody_but_themselves(world: World, ada: Document) -> None:
    assert attempt(PASSWORD, HOME) == "in"
    for _ in range(100):
        attempt("wrong", AWAY)
    assert attempt(PASSWORD, AWAY).startswith("locked")
    assert attempt(PASSWORD, HOME) == "in"
    assert attempt(PASSWORD, "203.0.113.9") == "in", "whence she never came before"


def test_many_addresses_lock_an_account_for_addresses_that_are_not_known_and_for_minutes(
    world: World, ada: Document
) -> None:
    assert attempt(PASSWORD, HOME) == "in"
    outcomes = [attempt("wrong", f"203.0.113.{number}") for number in range(40)]
    assert outcomes == [WRONG] * 20 + ["locked 1"] * 20
    assert attempt(PASSWORD, HOME) == "in"
    for number in range(12):
        world.clock.advance(300)
        assert attempt("wrong", f"203.0.113.{number + 100}") == WRONG
    assert attempt(PASSWORD, AWAY) == "locked 300"
    world.clock.advance(300)
    assert attempt(PASSWORD, AWAY) == "in"
    assert attempt("wrong", "203.0.113.200") == WRONG, "all is forgotten"


def test_a_known_address_is_locked_by_its_own_tries_and_known_for_ninety_days(world: World, ada: Document) -> None:
    attempt(PASSWORD, HOME)
    assert [attempt("wrong", HOME) for _ in range(6)] == [WRONG] * 5 + ["locked 1"]
    assert attempt("wrong", AWAY) == WRONG
    world.clock.advance(89 * 86_400)
    assert attempt(PASSWORD, HOME) == "in"
    world.clock.advance(91 * 86_400)
    for number in range(21):
        attempt("wrong", f"203.0.113.{number}")
    assert attempt(PASSWORD, HOME) == "locked 1"


def try_many_accounts(number: int, address: str = AWAY) -> list[str]:
    """One attempt at each of many accounts."""
    return [attempt("wrong", address, f"user-{each}@acme.example") for each in range(number)]


def test_an_address_has_fifty_tries_at_all_accounts_and_ten_more_an_hour(world: World, ada: Document) -> None:
    outcomes = try_many_accounts(60)
    assert outcomes == [WRONG] * 50 + ["locked 360"] * 10
    assert attempt(PASSWORD, AWAY) == "locked 360"
    assert attempt(PASSWORD, HOME) == "in"
    world.clock.advance(360)
    assert attempt("wrong", AWAY) == WRONG
    world.clock.advance(3600)
    assert [one for one in try_many_accounts(20) if one == WRONG] == [WRONG] * 10


def test_those_who_signed_in_from_an_address_before_are_not_held_up_by_others_there(
    world: World, ada: Document
) -> None:
    assert attempt(PASSWORD, AWAY) == "in"
    try_many_accounts(60)
    assert attempt("wrong", AWAY) == WRONG
    assert attempt(PASSWORD, AWAY) == "in"


def test_tries_that_work_are_not_counted_against_an_address(world: World) -> None:
    crowd = [people.user(world, name=f"User{number}") for number in range(60)]
    assert [attempt(PASSWORD, AWAY, user.body["email"]) for user in crowd] == ["in"] * 60


def test_to_sign_in_does_not_give_back_the_tries_of_others(world: World, ada: Document) -> None:
    """Otherwise the holder of an account could reset the limit of guesses at other accounts."""
    try_many_accounts(49)
    assert attempt(PASSWORD, AWAY) == "in"
    assert try_many_accounts(2, AWAY)[1] == "locked 360"


def test_an_address_of_ipv6_is_its_subscribers_network(world: World, ada: Document) -> None:
    for number in range(60):
        attempt("wrong", f"2001:db8::{number:x}", f"user-{number}@acme.example")
    assert attempt(PASSWORD, "2001:db8:0:0:ffff::1").startswith("locked")
    assert attempt(PASSWORD, "2001:db8:0:1::1") == "in"


def test_an_account_of_an_earlier_version_is_found_as_it_was_typed(world: World, ada: Document) -> None:
    """The stored address contains an invisible character."""
    odd = "ada\u200b@acme.example"
    login = storage.find(ADA)
    assert login is not None
    dynamodb.commit(storage.claim_email_write(odd, login))
    dynamodb.commit(storage.release_email_write(ADA, ada.id))
    assert attempt(PASSWORD, email=odd) == "in"
    assert attempt(PASSWORD) == WRONG


def test_tries_are_forgiven_after_a_day(world: World, ada: Document) -> None:
    assert [attempt("wrong") for _ in range(4)] == [WRONG] * 4
    world.clock.advance(86_400)
    assert [attempt("wrong") for _ in range(6)] == [WRONG] * 5 + ["locked 1"]


def test_a_hash_of_another_cost_is_replaced_at_the_next_sign_in(world: World, ada: Document) -> None:
    passwords.use_cost(Cost(2, 8, 1))
    assert attempt(PASSWORD) == "in"
    login = storage.find(ADA)
    assert login is not None and login.password_hash is not None and ",t=2," in login.password_hash
    assert attempt(PASSWORD) == "in"
    passwords.use_cost(CHEAP)


def test_a_proof_by_a_password_that_was_changed_since_has_no_effect(world: World, ada: Document) -> None:
    proof = login_throttle.verify_password(ADA, PASSWORD, HOME)
    users.change_password(ada, PASSWORD, "another one", HOME, None)
    with pytest.raises(ConditionFailed):
        dynamodb.commit(*login_throttle.success_writes(proof))


def test_an_invited_user_cannot_sign_in_nor_one_without_a_password(world: World, ada: Document) -> None:
    users.invite("acme", users.Profile("eve@acme.example", "Eve", "developer", "free"), ada.id)
    for password in ("", "None", PASSWORD):
        assert attempt(password, email="eve@acme.example") == WRONG


def test_without_the_table_nobody_signs_in(world: World, ada: Document) -> None:
    def raise_unreachable(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="x")

    with aws.interfering(raise_unreachable), pytest.raises(YardmasterError) as caught:
        users.sign_in(ADA, PASSWORD, HOME)
    assert caught.value.status == 503


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 1), (6, 2), (14, 512), (15, 900), (10**6, 900)])
def test_locks_double_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert login_throttle.lock_ms(failures) == seconds * clock.SECOND


@pytest.mark.parametrize(("back", "locked"), [(4, True), (3_600, False)])
def test_a_clock_that_is_set_back_locks_nobody_out_for_longer(
    world: World, ada: Document, back: int, locked: bool
) -> None:
    for _ in range(login_throttle.FROM_ONE_ADDRESS.free):
        attempt("wrong")
    world.clock.step(-back)
    assert (attempt(PASSWORD) == "in") is not locked

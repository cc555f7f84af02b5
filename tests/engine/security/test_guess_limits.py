"""Limits on guesses at secrets that people have chosen."""

from chalicelib.engine.security import authentication, guess_limits
from chalicelib.errors import TooManyRequests, Unauthenticated
from tests.support import aws
from tests.support.world import World

HERE, THERE = "192.0.2.1", "198.51.100.7"


def attempt(worker_id: str, key: str, address: str = HERE) -> str:
    try:
        authentication.authenticate_worker(worker_id, key, address=address)
    except Unauthenticated:
        return "no"
    except TooManyRequests as error:
        return f"later {error.retry_after}"
    return "in"


def test_twenty_guesses_at_once_and_one_a_minute(world: World) -> None:
    worker = world.register("one").id
    assert [attempt(worker, "wrong") for _ in range(30)] == ["no"] * 20 + ["later 60"] * 10
    assert attempt(worker, "key-one") == "later 60", "or a guess could be told right from wrong"
    world.clock.advance(60)
    assert [attempt(worker, "wrong"), attempt(worker, "wrong")] == ["no", "later 60"]
    world.clock.advance(60)
    assert attempt(worker, "key-one") == "in"


def test_other_networks_and_other_workers_are_not_concerned(world: World) -> None:
    first, second = world.register("one").id, world.register("two").id
    for _ in range(30):
        attempt(first, "wrong")
    assert attempt(first, "key-one", THERE) == "in"
    assert attempt(second, "key-two") == "in"


def test_a_worker_that_is_not_there_is_guessed_at_as_any_other(world: World) -> None:
    assert [attempt("nobody", "wrong") for _ in range(21)] == ["no"] * 20 + ["later 60"]


def test_another_process_has_one_guess_before_it_knows(world: World) -> None:
    worker = world.register("one").id
    for _ in range(30):
        attempt(worker, "wrong")
    guess_limits._blocked.clear()
    assert attempt(worker, "wrong") == "later 60"
    assert attempt(worker, "key-one") == "later 60"


def test_who_knows_the_secret_pays_nothing(world: World) -> None:
    worker = world.register("one").id
    attempt(worker, "key-one")
    with aws.counting() as counted:
        assert [attempt(worker, "key-one") for _ in range(50)] == ["in"] * 50
    assert counted.total() == 0


def test_where_it_is_known_that_there_are_too_many_guesses_cost_nothing_either(world: World) -> None:
    worker = world.register("one").id
    for _ in range(30):
        attempt(worker, "wrong")
    with aws.counting() as counted:
        attempt(worker, "wrong")
    assert counted.total() == 0

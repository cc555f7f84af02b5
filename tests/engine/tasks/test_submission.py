import pytest

from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import IdempotencyMismatch
from tests.engine.helpers import run_together
from tests.support.world import ORG, World


def test_a_submission_made_again_gives_the_same_task_to_the_last_field(world: World) -> None:
    first = world.submit(payload={"a": [1, 2.5, None]}, metadata={"m": "é"}, idempotency_key="k")
    world.clock.advance(60)
    assert world.submit(payload={"a": [1, 2.5, None]}, metadata={"m": "é"}, idempotency_key="k") == first
    assert len(world.tasks()) == 1


def test_another_submission_under_the_same_key_is_refused_and_changes_nothing(world: World) -> None:
    first = world.submit(payload=1, idempotency_key="k")
    with pytest.raises(IdempotencyMismatch):
        world.submit(payload=2, idempotency_key="k")
    assert world.tasks() == [first]


def test_the_same_key_of_another_tenant_or_pool_is_another_task(world: World) -> None:
    made = [world.submit(idempotency_key="k"), world.submit(idempotency_key="k", org="other")]
    made.append(world.submit(idempotency_key="k", pool="elsewhere"))
    assert len({task.id for task in made}) == len(world.tasks()) == 3


def test_a_key_is_its_callers_own_in_each_api(world: World) -> None:
    request = Submission("shared", "t", 5, idempotency_key="k")
    made = [submission.submit(ORG, by, request._replace(api=api)) for by in ("ann", "bob") for api in (None, "a", "b")]
    assert len({task.id for task in made}) == len(world.tasks()) == 6
    assert submission.submit(ORG, "bob", request._replace(api="b")) == made[-1]


def test_nobody_can_name_a_key_so_that_it_is_another_callers(world: World) -> None:
    pairs = [("a", "b#c"), ("a#b", "c"), ("a\x1fb", "c"), ("a", "b\x1fc"), ('a", "b', "c"), ("a", 'b", "c')]
    made = [submission.submit(ORG, by, Submission("p", "t", 5, idempotency_key=key)) for by, key in pairs]
    assert len({task.id for task in made}) == len(pairs)


def test_fifty_submissions_at_once_with_one_key_give_one_task(world: World) -> None:
    found = run_together([lambda: world.submit(payload={"a": 1}, idempotency_key="k")] * 50)
    assert len(world.tasks()) == 1
    assert all(task == found[0] for task in found)


def test_submissions_without_a_key_are_tasks_of_their_own(world: World) -> None:
    assert len({world.submit().id for _ in range(3)}) == 3

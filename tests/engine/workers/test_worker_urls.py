"""Which worker has a URL: concurrent registrations, removed workers, and workers that change their URL."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from chalicelib.engine.workers import registration, registry
from chalicelib.engine.workers.registration import Registration
from chalicelib.engine.workers.registry import WorkerChange
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.access.table import AccessTable
from tests.engine.helpers import hand_over_task
from tests.support import aws
from tests.support.world import ORG, POOL, World, answer

URL = "https://one.example/predict"
SAID = Registration(POOL, "server", "one", 2, endpoints={"predict": URL}, api_key="key-one")


def claims() -> int:
    return sum(item.id.startswith("url#") for item in aws.items(AccessTable))


def test_of_many_that_register_one_url_at_once_one_is_made_and_all_are_it(world: World) -> None:
    with ThreadPoolExecutor(8) as threads:
        joined = list(threads.map(lambda _: registration.register_or_rejoin(ORG, SAID), range(8)))
    assert len({worker.id for worker, _ in joined}) == 1
    assert [known for _, known in joined].count(False) == 1
    assert len(registry.list_workers(ORG, POOL)) == 1


def test_of_many_that_take_over_what_a_removed_worker_left_one_gets_it(world: World) -> None:
    registry.unregister(ORG, POOL, registration.register(ORG, SAID).id)
    with ThreadPoolExecutor(8) as threads:
        joined = list(threads.map(lambda _: registration.register_or_rejoin(ORG, SAID), range(8)))
    assert len({worker.id for worker, _ in joined}) == 1
    world.settle()
    assert ([worker.id for worker in registry.list_workers(ORG, POOL)], claims()) == ([joined[0][0].id], 1)


def test_a_worker_that_is_gone_leaves_no_claim_behind(world: World) -> None:
    one = registration.register(ORG, SAID)
    assert claims() == 1
    registry.unregister(ORG, POOL, one.id)
    world.settle()
    assert (world.workers(), claims()) == ([], 0)


def test_a_worker_that_moves_leaves_its_url_and_cannot_move_to_one_that_is_taken(world: World) -> None:
    first = registration.register(ORG, SAID)
    two = registration.register(ORG, SAID._replace(endpoints={"predict": "https://two.example/"}))
    with pytest.raises(Conflict, match=f"Agent {first.id} is registered"):
        registry.update(ORG, POOL, two.id, WorkerChange(endpoints={"predict": URL + "/"}), "Agent")
    assert world.worker(two.id) == two
    moved = registry.update(ORG, POOL, first.id, WorkerChange(endpoints={"predict": "https://three.example/"}))
    assert moved.endpoints == {"predict": "https://three.example/"}
    assert registry.update(ORG, POOL, two.id, WorkerChange(endpoints={"predict": URL})).endpoints == {"predict": URL}
    with pytest.raises(Conflict, match=two.id):
        registration.register(ORG, SAID)


def test_a_worker_may_say_its_own_url_again_and_one_that_fetches_has_none(world: World) -> None:
    first = registration.register(ORG, SAID)
    assert registry.update(ORG, POOL, first.id, WorkerChange(endpoints={"predict": URL}, name="uno")).name == "uno"
    registry.update(ORG, POOL, first.id, WorkerChange(endpoints={}))
    assert registration.register(ORG, SAID).id != first.id


def test_an_update_of_a_worker_that_is_gone_is_not_found_though_its_url_is_free(world: World) -> None:
    with pytest.raises(NotFound):
        registry.update(ORG, POOL, "server_none", WorkerChange(endpoints={"predict": URL}))


def test_what_is_refused_for_its_url_is_nowhere(world: World) -> None:
    with pytest.raises(InvalidRequest, match=r"endpoints\.health"):
        registration.register(ORG, SAID._replace(endpoints={"predict": URL, "health": "one.example"}))
    assert (registry.list_workers(ORG, POOL), claims()) == ([], 0)


def test_to_come_back_is_a_sign_of_life_and_keeps_what_is_held(world: World) -> None:
    world.servers["one.example"] = lambda *_: answer(202)
    registration.register_or_rejoin(ORG, SAID)
    task = hand_over_task(world)
    world.clock.advance(5)
    back, known = registration.register_or_rejoin(ORG, SAID)
    assert (known, back.leases) == (True, {task.id: task.epoch})
    assert back.last_heartbeat_at == world.clock.now()


def test_a_registration_is_one_call_and_to_come_back_five(world: World) -> None:
    with aws.counting() as first:
        registration.register_or_rejoin(ORG, SAID)
    with aws.counting() as again:
        registration.register_or_rejoin(ORG, SAID)
    assert (first.total(), again.total()) == (1, 5)

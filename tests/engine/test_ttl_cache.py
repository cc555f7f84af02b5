from chalicelib.engine.ttl_cache import Memory
from tests.support.world import World


def test_what_was_put_is_known_until_its_time_is_over(world: World) -> None:
    memory: Memory[str, int] = Memory(1_000)
    assert memory.get("a") is None
    assert memory.put("a", 1) == memory.get("a") == 1
    world.clock.advance(0.999)
    assert memory.get("a") == 1
    world.clock.advance(0.001)
    assert memory.get("a") is None


def test_it_forgets_one_when_told_and_all_when_it_is_full(world: World) -> None:
    memory: Memory[str, int] = Memory(1_000, most=2)
    memory.put("a", 1), memory.put("b", 2)
    memory.forget("a"), memory.forget("nothing")
    assert (memory.get("a"), memory.get("b")) == (None, 2)
    memory.put("c", 3)
    memory.put("d", 4)
    assert (memory.get("b"), memory.get("c"), memory.get("d")) == (None, None, 4)


def test_a_clock_that_is_set_back_makes_nothing_be_remembered_for_longer(world: World) -> None:
    memory: Memory[str, int] = Memory(1_000)
    memory.put("a", 1)
    world.clock.step(-3_600)
    assert memory.get("a") == 1
    world.clock.advance(1)
    assert memory.get("a") is None

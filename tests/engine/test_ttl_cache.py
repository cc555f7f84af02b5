from chalicelib.engine import ttl_cache
from chalicelib.engine.ttl_cache import TtlCache
from tests.support.world import World


def test_a_value_is_kept_until_its_time_is_over(world: World) -> None:
    cache: TtlCache[str, int] = TtlCache(1_000)
    assert cache.get("a") is None
    assert cache.put("a", 1) == cache.get("a") == 1
    world.clock.advance(0.999)
    assert cache.get("a") == 1
    world.clock.advance(0.001)
    assert cache.get("a") is None


def test_one_value_can_be_removed_and_a_full_cache_is_emptied(world: World) -> None:
    cache: TtlCache[str, int] = TtlCache(1_000, max_entries=2)
    cache.put("a", 1), cache.put("b", 2)
    for key in ("a", "nothing"):
        cache.remove(key)
    assert (cache.get("a"), cache.get("b")) == (None, 2)
    cache.put("c", 3)
    cache.put("d", 4)
    assert (cache.get("b"), cache.get("c"), cache.get("d")) == (None, None, 4)


def test_a_clock_that_is_set_back_keeps_no_value_for_longer(world: World) -> None:
    cache: TtlCache[str, int] = TtlCache(1_000)
    cache.put("a", 1)
    world.clock.step(-3_600)
    assert cache.get("a") == 1
    world.clock.advance(1)
    assert cache.get("a") is None


def test_all_caches_of_a_process_can_be_emptied(world: World) -> None:
    caches: list[TtlCache[str, int]] = [TtlCache(1_000), TtlCache(1_000)]
    for cache in caches:
        cache.put("a", 1)
    ttl_cache.clear_all()
    assert [cache.get("a") for cache in caches] == [None, None]

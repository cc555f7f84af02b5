"""Public posts of the studio API, counted on moto, of an org with ten posts and of one with 100,000. Anybody reads
them, so no limiter's call is among them. Beyond the thousandth post a page takes a third call."""

from bench.measure import Section, flat, silence
from chalicelib import config
from chalicelib.apis.studio import api
from tests.engine.contents.helpers import publish, store_others
from tests.support import aws
from tests.support.client import Client
from tests.support.world import ORG, new_world

SIZES = (10, 100_000)
PATHS = {"a post by its slug": "/api/posts/a-title", "a page of posts": "/api/posts?limit=50", "tags": "/api/tags"}


def measure() -> Section:
    calls = [_calls(size) for size in SIZES]
    figures = [flat(f"{what}, calls", [counted[what] for counted in calls]) for what in PATHS]
    return Section("Public posts", __doc__, figures)


def _calls(size: int) -> dict[str, int]:
    counted = {}
    with new_world(), silence():
        config.replace(cms_org=ORG)
        publish()
        store_others(size)
        for what, path in PATHS.items():
            with aws.counting() as calls:
                if Client(api).get(path).status != 200:
                    raise RuntimeError(f"{path} cannot be read")
            counted[what] = calls.total()
    return counted

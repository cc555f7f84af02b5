"""Lists that come in pages: bounds, cursors, and every thing once."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.contract import over
from tests.contract.conftest import STRANGER, Scene
from tests.contract.documented import Documented, Paging, pick
from tests.support.client import Reply, token

pages = over.each(lambda face: face.paged.items(), "paged", lambda one: one[0])
COUNT = 7


def page(scene: Scene, where: str, by: str | None = None, **query: Any) -> Reply:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return scene.client.get(f"{where.partition(' ')[2]}?{text}", token=by or scene.admin)


def following(paging: Paging, found: Any) -> dict[str, str] | None:
    """The query that leads to the next page, beside the limit; None on the last."""
    further = pick(found, paging.cursor)
    if further is None or not paging.link:
        return further and {"cursor": further}
    query = dict(parse_qsl(urlsplit(further).query))
    return {name: text for name, text in query.items() if name != "limit"}


def filled(scene: Scene) -> set[str]:
    """More tasks than go into a page."""
    post = scene.face.endpoint(scene.face.submitting.post)
    made = [scene.send(post) for _ in range(COUNT)]
    scene.world.settle()
    return {pick(one.json, scene.face.submitting.id) for one in made}


@pages
def test_a_limit_out_of_bounds_is_refused_naming_them(paged: tuple[str, Paging], shared: Scene) -> None:
    where, paging = paged
    for limit in (0, -1, paging.most + 1, "ten", "1.5", ""):
        told = shared.face.unfit(page(shared, where, limit=limit))
        assert told.message.startswith(f"limit: must be an integer between 1 and {paging.most}")
    for limit in (1, paging.most):
        assert page(shared, where, limit=limit).status == 200


@over.each(lambda face: [one for one in face.endpoints if "page" in one.filters])
def test_a_page_by_number_has_bounds_and_what_is_beyond_the_last_is_empty(endpoint: Documented, shared: Scene) -> None:
    for name, most in (("page", 10**9), ("limit", 100)):
        for value in (0, -1, most + 1, "one", "1.5", ""):
            told = shared.face.unfit(paged_by(shared, endpoint, **{name: value}))
            assert told.message.startswith(f"{name}: must be an integer between 1 and {most}"), told
    beyond = paged_by(shared, endpoint, page=50, limit=100)
    assert (beyond.status, beyond.json["data"]) == (200, [])


def paged_by(scene: Scene, endpoint: Documented, **query: Any) -> Reply:
    return scene.send(replace(endpoint, query={name: str(value) for name, value in query.items()}))


@pages
def test_every_thing_is_on_one_page_and_the_pages_end(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    made, seen, cursor = filled(scene), [], {}
    while True:
        found = page(scene, where, limit=3, **cursor).json
        assert pick(found, paging.total) == len(scene.world.tasks())
        seen += [one[paging.id] for one in pick(found, paging.items)]
        if following(paging, found) is None:
            break
        assert len(pick(found, paging.items)) == 3
        cursor = following(paging, found)
    assert len(seen) == len(set(seen)) == len(scene.world.tasks())
    assert made < set(seen)


@pages
def test_without_a_limit_a_page_has_the_documented_length(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    for _ in range(paging.default // COUNT + 1):
        filled(scene)
    assert len(pick(page(scene, where).json, paging.items)) == paging.default


@pages
def test_a_cursor_is_good_for_its_own_list_only(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    filled(scene)
    scene.face.build(scene.world, scene.client, scene.face.caller(scene.world, **STRANGER))
    further = following(paging, page(scene, where, limit=1).json) or {}
    cursor = further.pop("cursor")
    assert page(scene, where, cursor=cursor, **further, limit=2).status == 200
    attempts = (
        {"cursor": cursor, "by": token(**STRANGER)},
        {"cursor": cursor, "status": "pending"},
        {"cursor": cursor[:-2] + ("AA" if not cursor.endswith("AA") else "BB")},
        {"cursor": "x"},
        {"cursor": ""},
        {"cursor": "%00"},
        {"cursor": "x" * 3000},
    )
    for attempt in attempts:
        told = scene.face.unfit(page(scene, where, **attempt))
        assert told.message.startswith("cursor: "), attempt

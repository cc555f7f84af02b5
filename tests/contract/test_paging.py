"""Paged lists: bounds, cursors, and each task once."""

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.contract import over
from tests.contract.conftest import STRANGER, Scene
from tests.contract.documented import Documented, Paging, pick
from tests.support.client import Reply, token

each_paged = over.each(lambda face: face.paged.items(), "paged", lambda one: one[0])
COUNT = 7


def get_cursor_page(scene: Scene, where: str, by: str | None = None, **query: Any) -> Reply:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    return scene.client.get(f"{where.partition(' ')[2]}?{text}", token=by or scene.admin)


def next_query(paging: Paging, page: Any) -> dict[str, str] | None:
    """The query of the next page, without the limit; None on the last page."""
    further = pick(page, paging.cursor)
    if further is None or not paging.link:
        return further and {"cursor": further}
    query = dict(parse_qsl(urlsplit(further).query))
    return {name: text for name, text in query.items() if name != "limit"}


def submit_more_than_a_page(scene: Scene) -> set[str]:
    """Submit more tasks than one page has; returns their ids."""
    post = scene.face.endpoint(scene.face.submitting.post)
    replies = [scene.send(post) for _ in range(COUNT)]
    scene.world.settle()
    return {pick(one.json, scene.face.submitting.id) for one in replies}


@each_paged
def test_a_limit_out_of_bounds_is_refused_naming_them(paged: tuple[str, Paging], shared: Scene) -> None:
    where, paging = paged
    for limit in (0, -1, paging.most + 1, "ten", "1.5", ""):
        error = shared.face.require_invalid(get_cursor_page(shared, where, limit=limit))
        assert error.message.startswith(f"limit: must be an integer between 1 and {paging.most}")
    for limit in (1, paging.most):
        assert get_cursor_page(shared, where, limit=limit).status == 200


@over.each(lambda face: [one for one in face.endpoints if "page" in one.filters])
def test_a_page_by_number_has_bounds_and_what_is_beyond_the_last_is_empty(endpoint: Documented, shared: Scene) -> None:
    for name, most in (("page", 10**9), ("limit", 100)):
        for value in (0, -1, most + 1, "one", "1.5", ""):
            error = shared.face.require_invalid(get_page(shared, endpoint, **{name: value}))
            assert error.message.startswith(f"{name}: must be an integer between 1 and {most}"), error
    beyond = get_page(shared, endpoint, page=50, limit=100)
    assert (beyond.status, beyond.json["data"]) == (200, [])


def get_page(scene: Scene, endpoint: Documented, **query: Any) -> Reply:
    return scene.send(replace(endpoint, query={name: str(value) for name, value in query.items()}))


@each_paged
def test_every_task_is_on_one_page_and_the_pages_end(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    submitted, listed, cursor = submit_more_than_a_page(scene), [], {}
    while True:
        listing = get_cursor_page(scene, where, limit=3, **cursor).json
        assert pick(listing, paging.total) == len(scene.world.tasks())
        listed += [one[paging.id] for one in pick(listing, paging.items)]
        if next_query(paging, listing) is None:
            break
        assert len(pick(listing, paging.items)) == 3
        cursor = next_query(paging, listing)
    assert len(listed) == len(set(listed)) == len(scene.world.tasks())
    assert submitted < set(listed)


@each_paged
def test_without_a_limit_a_page_has_the_documented_length(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    for _ in range(paging.default // COUNT + 1):
        submit_more_than_a_page(scene)
    assert len(pick(get_cursor_page(scene, where).json, paging.items)) == paging.default


@each_paged
def test_a_cursor_is_good_for_its_own_list_only(paged: tuple[str, Paging], scene: Scene) -> None:
    where, paging = paged
    submit_more_than_a_page(scene)
    scene.face.build(scene.world, scene.client, scene.face.caller(scene.world, **STRANGER))
    further = next_query(paging, get_cursor_page(scene, where, limit=1).json) or {}
    cursor = further.pop("cursor")
    assert get_cursor_page(scene, where, cursor=cursor, **further, limit=2).status == 200
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
        error = scene.face.require_invalid(get_cursor_page(scene, where, **attempt))
        assert error.message.startswith("cursor: "), attempt

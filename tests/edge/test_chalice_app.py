"""What can be mounted, what is refused, and that one app can serve many threads."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalice.local import LocalChalice

from chalicelib.edge import Api, Caller, Routes, mount, routes_of
from tests.edge.toys import API, Client, Patch, ToyOut, api_of


def handler() -> ToyOut:
    return ToyOut(toy_id="1")


def with_id(toy_id: str) -> ToyOut:
    return ToyOut(toy_id=toy_id)


def with_other_id(other_id: str) -> ToyOut:
    return ToyOut(toy_id=other_id)


def unannotated(text) -> ToyOut:  # type: ignore[no-untyped-def]
    return ToyOut(toy_id=text)


def two_bodies(one: Patch, two: Patch) -> None:
    assert one is not two


def with_caller(caller: Caller) -> None:
    assert caller


def _duplicate(routes: Routes) -> None:
    routes.get("/a")(handler)
    routes.get("/a", name="other")(with_id)


def _same_name(routes: Routes) -> None:
    routes.get("/a")(handler)
    routes.get("/b")(handler)


def _rival_variables(routes: Routes) -> None:
    routes.get("/{toy_id}/a")(with_id)
    routes.get("/{other_id}/b")(with_other_id)


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (_duplicate, "the route 'GET /x/a' is used 2 times"),
        (_same_name, "the name 'handler' is used 2 times"),
        (_rival_variables, "this position's name elsewhere"),
        (lambda routes: routes.get("/a/")(handler), "may not end in '/'"),
        (lambda routes: routes.get(limit="none")(handler), "has no limit 'none'"),
        (lambda routes: routes.get("/{toy_id}")(handler), "the path's toy_id is not a parameter"),
        (lambda routes: routes.post()(unannotated), "'text' has no annotation"),
        (lambda routes: routes.post()(two_bodies), "only one parameter can be the body"),
        (lambda routes: routes.get(public=True)(with_caller), "a public endpoint has no caller"),
    ],
)
def test_a_route_table_that_cannot_be_served_is_refused(fill: Callable[[Routes], Any], message: str) -> None:
    routes = Routes("/x", tag="X")
    fill(routes)
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        mount(api_of(routes))


def test_a_path_must_start_with_a_slash() -> None:
    routes = Routes("x", tag="X")
    routes.get()(handler)
    with pytest.raises(ValueError, match="must start with '/'"):
        mount(api_of(routes))


def test_decorated_functions_stay_what_they_are() -> None:
    assert Routes("/x", tag="X").get()(handler) is handler


def test_one_function_may_serve_two_paths() -> None:
    routes = Routes("/x", tag="X")
    routes.get("/new")(routes.get("/old", name="old_handler")(handler))
    api = api_of(routes)
    client = Client(mount(api), api)
    assert client("GET", "/x/new").json == client("GET", "/x/old").json


def test_every_endpoint_is_mounted() -> None:
    app = mount(API)
    mounted = {(method, path) for path, methods in app.routes.items() for method in methods}
    assert mounted == {(endpoint.method, endpoint.path) for endpoint in routes_of(API)}


def test_an_app_serves_many_threads_at_once(api: Api) -> None:
    app = mount(api)
    app.__class__ = LocalChalice
    client = Client(app, api)

    def ask(number: int) -> bool:
        return client("GET", f"/api/toys/toy-{number}").json["toyId"] == f"toy-{number}"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(90)))

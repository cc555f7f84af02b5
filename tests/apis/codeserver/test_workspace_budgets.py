"""AWS calls of files and git, the rate limiter's included, whatever the number of files."""

from collections.abc import Callable

import pytest

from chalicelib.apis import codeserver
from chalicelib.domain.workspaces.values import MAX_PACKS
from chalicelib.engine.workspaces import commits, files, object_store, snapshots
from chalicelib.providers.git.objects import Person
from tests.support import aws
from tests.support.client import Client, token
from tests.support.world import ORG, World

FEW, MANY = 1, 200  # bench/ has a thousand


def fill(count: int) -> None:
    """So many committed files."""
    for number in range(count):
        files.write_file(ORG, f"src/d{number % 20}/f{number}.js", b"print(%d)\n" % number)
        if number % 50 == 49 or number == count - 1:  # few changed files at a time: moto takes long to list them
            commits.commit(ORG, f"{number}", Person("dev", "dev@example.com"))


def forget() -> None:
    """Empty the caches of workspaces, as in a new process."""
    snapshots._manifests.clear()
    object_store._blocks.clear()


@pytest.mark.parametrize("count", [FEW, MANY])
def test_each_request_keeps_to_its_budget_whatever_the_workspace_holds(world: World, count: int) -> None:
    assert world
    client = Client(codeserver.api)
    fill(count)
    client.get("/api/git/status", token=token())

    def count_calls(method: str, path: str, body: object = None) -> int:
        with aws.counting() as counted:
            assert client.request(method, path, body, token=token()).status == 200
        return counted.total()

    def run_with_empty_caches(work: Callable[[], int]) -> int:
        forget()
        return work()

    path = "/api/files/src/d0/f0.js"
    assert run_with_empty_caches(lambda: count_calls("GET", path)) == 5
    assert count_calls("GET", path) == 3
    assert run_with_empty_caches(lambda: count_calls("GET", "/api/git/status")) == 4
    assert count_calls("GET", "/api/git/status") == 3
    assert count_calls("GET", "/api/files?recursive=true") == 3
    assert count_calls("GET", "/api/workspace/current") == 3
    assert count_calls("GET", "/api/git/log") == 3
    assert count_calls("POST", path, {"content": "changed"}) == 4
    assert count_calls("GET", path) == 3
    assert [count_calls("GET", "/api/git/diff?file=src/d0/f0.js") for _ in range(2)] == [5, 4], (
        "first, the block of its pack"
    )
    assert run_with_empty_caches(lambda: count_calls("POST", "/api/git/commit", {"message": "m"})) == 9
    assert count_calls("POST", path, {"content": "changed again"}) == 4
    assert count_calls("POST", "/api/git/commit", {"message": "m"}) == 8
    assert count_calls("GET", path) == 4, "the block of its new pack"
    assert count_calls("POST", path, {"content": "large " * 5_000}) == 5
    assert count_calls("GET", path) == 4
    assert count_calls("POST", path, {"content": "small"}) == 5, "the large content is deleted"
    assert count_calls("DELETE", path) == 4
    assert count_calls("GET", "/api/workspaces") == 2


def test_the_log_of_one_file_reads_each_pack_once(world: World) -> None:
    assert world
    client = Client(codeserver.api)
    for number in range(MAX_PACKS):
        client.post("/api/files/a", {"content": f"{number}"}, token=token())
        client.post("/api/git/commit", {"message": f"{number}"}, token=token())
    forget()
    with aws.counting() as counted:
        found = client.get("/api/git/log?file=a&limit=100", token=token()).json
    assert found["total"] == MAX_PACKS
    assert counted.total() == 3 + MAX_PACKS

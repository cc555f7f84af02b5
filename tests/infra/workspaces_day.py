"""A day of workspaces."""

from typing import Any

from chalicelib.apis import codeserver
from chalicelib.domain.workspaces.values import MAX_PACKS
from chalicelib.engine.workspaces import repack
from tests.infra.calls import Watch
from tests.infra.clients import Client, wait
from tests.support.world import World

FILE = "/api/files/{path+}"


def run(watch: Watch, world: World) -> None:
    """Write, read and commit files, switch workspaces, and fill a repository with packs."""
    client = Client(watch, codeserver.api)
    client("GET", "/api/workspaces")
    write(client, "small.txt", "text")
    write(client, "large.txt", "text" * 5000)
    client("GET", "/api/workspace/current")
    for path in ("small.txt", "large.txt"):
        client("GET", FILE, path=path)
    client("POST", "/api/git/commit", {"message": "first"})
    client("GET", FILE, path="small.txt")
    client("GET", "/api/git/log")
    client("DELETE", FILE, path="small.txt")
    client("GET", "/api/git/diff")
    client("PUT", "/api/git/remotes/{name}", {"url": "https://git.example/a.git", "password": "p"}, name="origin")
    client("GET", "/api/git/remotes")
    client("DELETE", "/api/git/remotes/{name}", name="origin")
    for awake in (True, False):
        fill(client, world, awake)


def write(client: Client, path: str, text: str) -> None:
    client("POST", FILE, {"content": text}, path=path)


def fill(client: Client, world: World, awake: bool) -> None:
    """Give a new workspace so many packs that they are joined; later the old packs are deleted."""
    created: Any = client("POST", "/api/workspaces", {"name": f"project-{awake}"})
    client("POST", "/api/workspace/switch", {"workspace_id": created["id"]})
    for number in range(MAX_PACKS + 1):
        write(client, "a.txt", f"{number}")
        client("POST", "/api/git/commit", {"message": f"{number}"})
    while world.relay("documents"):
        pass
    wait(world, 180, awake)
    world.settle()
    while world.relay("documents"):
        pass
    wait(world, repack.CLEANUP_WAIT_SECONDS + 180, awake)
    world.settle()

"""The studio API in a day."""

from chalicelib.apis import studio
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import World

ALL = "/api/commands"
ONE = f"{ALL}/{{command_id}}"


def run(watch: Watch, world: World) -> None:
    """Commands are queued, taken, completed and deleted."""
    client = Client(watch, studio.api)
    for end, body in (("complete", {"result": "x" * 150_000}), ("fail", {"error": "x"}), ("cancel", None)):
        queued = client("POST", ALL, {"command": "x", "parameters": {"text": "x" * 150_000}})["command_id"]
        client("POST", f"{ONE}/start", command_id=queued)
        client("POST", f"{ONE}/{end}", body, command_id=queued)
        client("GET", ONE, command_id=queued)
        world.settle()
    for query in ({"limit": 1}, {"status": "completed"}):
        client("GET", ALL, query=query)
    client("GET", f"{ALL}/stats/queue-stats")
    world.clock.advance(60)
    client("POST", f"{ALL}/cleanup/clear-old", {"older_than_days": 0})
    world.settle()

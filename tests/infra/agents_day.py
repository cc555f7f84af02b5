"""Agents of the studio API in a day."""

from chalicelib.apis import studio
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import World

ALL, ONE = "/api/agents", "/api/agents/{agent_name}"
MESSAGES = {"messages": [{"role": "user", "content": "hello"}]}


def run(watch: Watch, world: World) -> None:
    """An agent is stopped, started, given a task, and looked at."""
    client = Client(watch, studio.api)
    for command in ("stop", "start"):
        client("POST", f"{ONE}/command", {"command": command}, agent_name="chat")
        world.settle()
    newcomer = Client(watch, studio.api)
    newcomer.call_with(authentication.issue_token(Principal("umbra", "ops", "admin"), 3_600))
    newcomer("POST", f"{ONE}/command", {"command": "stop"}, agent_name="chat")
    client("POST", f"{ONE}/command", {"command": "execute", "parameters": MESSAGES}, agent_name="chat")
    client("GET", f"{ONE}/status", agent_name="chat")
    for path in ("status", "logs", "memory/stats", "health"):
        client("GET", f"{ALL}/{path}")
    world.settle()

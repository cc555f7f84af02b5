"""A day of the code server API's settings, configurations and saved sessions."""

from chalicelib.apis import codeserver
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.support.world import World


def run(watch: Watch, world: World) -> None:
    """Change settings, configure agents, and save, restore and delete sessions."""
    client = Client(watch, codeserver.api)
    for number in (1, 2):
        client("PUT", "/api/config", {"max_retries": number})
        client("POST", "/api/config/agent", {"agent_id": "a", "config": {"number": number}})
    client("GET", "/api/config")
    client("GET", "/api/config/agents")
    client("DELETE", "/api/config/agent/{agent_id}", agent_id="a")
    conversation = client("POST", "/api/conversations", {"user_id": "u"})["id"]
    body = {"user_id": "u", "name": "n", "state": {"conversation_id": conversation}}
    session = client("POST", "/api/sessions/save", body)["id"]
    for status in ("active", "closed"):
        client("PUT", "/api/conversations/{id}", {"status": status}, id=conversation)
        client("POST", "/api/sessions/restore/{id}", {}, id=session)
    client("GET", "/api/sessions")
    client("DELETE", "/api/sessions/{id}", id=session)
    world.settle()

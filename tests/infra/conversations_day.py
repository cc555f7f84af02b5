"""A day of the code server API's conversations, which are deleted with their messages."""

from chalicelib.apis import codeserver
from tests.infra.calls import Watch
from tests.infra.clients import Client, wait
from tests.support.world import World

ALL = "/api/conversations"
ONE, MESSAGES = f"{ALL}/{{id}}", f"{ALL}/{{id}}/messages"


def run(watch: Watch, world: World) -> None:
    """Create, list, change and delete them. A wakeup deletes their messages, or the sweep if the wakeup is late."""
    client = Client(watch, codeserver.api)
    for awake in (True, False):
        conversation = client("POST", ALL, {"user_id": "u"})["id"]
        for role in ("user", "assistant"):
            client("POST", MESSAGES, {"role": role, "content": "c"}, id=conversation)
            client("GET", MESSAGES, query={"role": role}, id=conversation)
        for query in ({"offset": 2_000}, {"user_id": "u"}, {"status": "active"}, {"user_id": "u", "status": "active"}):
            client("GET", ALL, query=query)
        client("GET", ONE, id=conversation)
        client("PUT", ONE, {"status": "archived"}, id=conversation)
        client("DELETE", ONE, id=conversation)
        while world.relay("documents"):
            pass
        wait(world, 180, awake)
        world.settle()

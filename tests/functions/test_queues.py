"""What comes back to a queue when a message of a batch cannot be dealt with."""

import json
from typing import Any

from chalicelib.functions import queues
from tests.support.world import World


def record(name: str, org: str, **body: Any) -> dict[str, Any]:
    return {"messageId": name, "body": json.dumps({"org": org} | body)}


def test_an_orgs_failing_updates_hold_up_its_own_and_nobody_elses(world: World) -> None:
    records = [
        record("poison", "acme", occasion="o", updates=["not an update"]),
        record("other", "globex", connection="gone"),
        record("later", "acme", connection="gone"),
    ]
    failed = queues.handle_task_updates({"Records": records}, world.frame_builders)["batchItemFailures"]
    assert [one["itemIdentifier"] for one in failed] == ["poison", "later"]

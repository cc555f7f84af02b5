"""Which messages of a batch return to a queue when one of them fails."""

import json
from typing import Any

from chalicelib.functions import queues
from tests.support.world import World


def record(name: str, org: str, **body: Any) -> dict[str, Any]:
    return {"messageId": name, "body": json.dumps({"org": org} | body)}


def test_an_orgs_failing_updates_delay_its_own_and_no_others(world: World) -> None:
    records = [
        record("poison", "acme", occasion="o", updates=["not an update"]),
        record("other", "globex", connection="gone"),
        record("later", "acme", connection="gone"),
    ]
    failed = queues.handle_task_updates({"Records": records}, world.frame_builders)["batchItemFailures"]
    assert [one["itemIdentifier"] for one in failed] == ["poison", "later"]

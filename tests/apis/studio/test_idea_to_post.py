"""From an idea to a published post: the path that `make demo STUDIO=1` shows, with a model that is a fake."""

import json
from typing import Any

from chalicelib import config
from tests.apis.studio.conftest import StudioApi
from tests.support.client import ORG
from tests.support.extras import require_extra
from tests.support.models import models
from tests.support.world import World

require_extra("studio")

SOURCE = "Black tea leaves are oxidised for hours before they are dried."
TASK = {
    "task_name": "Green tea and black tea",
    "topic": "the difference between green tea and black tea",
    "category": "Drinks",
    "task_metadata": {"length": "short", "tags": ["tea"], "sources": [{"text": SOURCE}]},
}


def test_an_idea_becomes_a_post_that_anybody_finds(studio_api: StudioApi, world: World) -> None:
    config.replace(cms_org=ORG)
    call = studio_api.call
    task_id = call("POST", "/api/tasks", TASK)["id"]
    with models(world) as fake_models:
        fake_models.openai.text = f"# Two kinds of tea\n\n{SOURCE}"
        call("POST", "/api/orchestrator/process", {"task_id": task_id, "workflow_type": "content_creation"})
        world.settle()
    assert [SOURCE in json.dumps(asked.body) for asked in fake_models.openai.requests] == [True, True]
    assert call("GET", f"/api/orchestrator/approval/{task_id}")["approval_status"] == "pending"
    assert read_public(studio_api, "/api/posts")["total"] == 0
    call("POST", f"/api/orchestrator/approve/{task_id}", {"approved": True})
    world.settle()
    task = call("GET", f"/api/tasks/{task_id}")
    assert task["status"] == "completed"
    post = read_public(studio_api, task["task_metadata"]["url"])
    assert (post["slug"], post["title"], post["category"]) == ("two-kinds-of-tea", "Two kinds of tea", "Drinks")
    assert (post["content"].strip(), post["tags"]) == (f"<p>{SOURCE}</p>", ["tea"])
    for query in ("tag=tea", "category=Drinks"):
        assert [found["slug"] for found in read_public(studio_api, f"/api/posts?{query}")["posts"]] == [post["slug"]]
    assert post["slug"] in studio_api.request("GET", "/api/rss", token=None).text


def read_public(studio_api: StudioApi, path: str) -> Any:
    """What anybody reads, without a token."""
    return studio_api.call("GET", path, token=None)

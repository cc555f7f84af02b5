"""Contents over HTTP: written, decided on, and read by anybody once they are published."""

from typing import Any

import feedparser
import pytest

from chalicelib import config
from tests.apis.studio.conftest import StudioApi
from tests.support.client import ORG, token
from tests.support.extras import require_extra

require_extra("studio")

CONTENT = {"title": "Article Title", "content": "Some *words*", "category": "Technology", "tags": ["AI"]}


@pytest.fixture(autouse=True)
def cms(studio_api: StudioApi) -> None:
    config.replace(cms_org=ORG)


def create(studio_api: StudioApi, **fields: Any) -> str:
    return str(studio_api.call("POST", "/api/content", CONTENT | fields)["id"])


def decide(studio_api: StudioApi, content_id: str, approved: bool = True, **more: Any) -> Any:
    body = {"content_id": content_id, "approved": approved, "feedback": "Looks great!"}
    return studio_api.call("POST", "/api/content/approve", body, **more)


def publish(studio_api: StudioApi, **fields: Any) -> Any:
    content_id = create(studio_api, **fields)
    decide(studio_api, content_id)
    studio_api.world.settle()
    return studio_api.call("GET", f"/api/content/{content_id}")


def test_an_approved_content_is_found_by_slug_category_tag_and_in_the_feed(studio_api: StudioApi) -> None:
    made = publish(studio_api)
    assert (made["status"], made["slug"], made["decided_by"]) == ("published", "article-title", "dev")
    post = studio_api.call("GET", "/api/posts/article-title", token=None)
    assert (post["id"], post["content"]) == (made["id"], "<p>Some <em>words</em></p>\n")
    for query in ("", "?category=Technology", "?category=technology", "?tag=AI"):
        assert studio_api.call("GET", f"/api/posts{query}", token=None)["posts"] == [post]
    reply = studio_api.request("GET", "/api/rss", token=None)
    assert reply.headers["content-type"] == "application/rss+xml; charset=utf-8"
    [entry] = feedparser.parse(reply.text).entries
    assert (entry.title, entry.content[0].value) == ("Article Title", post["content"].strip())
    studio_api.expect_error(400, "GET", "/api/posts?category=x&tag=y", token=None)


def test_nothing_is_public_before_its_approval_or_after_its_deletion(studio_api: StudioApi) -> None:
    content_id = create(studio_api, status="in_review")
    assert decide(studio_api, content_id, approved=False)["status"] == "rejected"
    studio_api.expect_error(404, "GET", "/api/posts/article-title", token=None)
    assert studio_api.call("POST", f"/api/content/{content_id}", {"content": "Better"})["status"] == "draft"
    decide(studio_api, content_id)
    studio_api.world.settle()
    assert studio_api.call("GET", "/api/posts/article-title", token=None)["content"] == "<p>Better</p>\n"
    studio_api.call("DELETE", f"/api/content/{content_id}")
    studio_api.expect_error(404, "GET", "/api/posts/article-title", token=None)
    assert studio_api.call("GET", "/api/tags", token=None)["tags"] == []


def test_null_clears_what_may_be_left_out(studio_api: StudioApi) -> None:
    content_id = create(studio_api, seo_title="SEO")
    changed = studio_api.call("POST", f"/api/content/{content_id}", {"seo_title": None, "category": None})
    assert (changed["seo_title"], changed["category"], changed["tags"]) == (None, None, ["AI"])


def test_only_the_org_of_the_setting_is_public(studio_api: StudioApi) -> None:
    publish(studio_api)
    config.replace(cms_org="umbra")
    assert studio_api.call("GET", "/api/posts", token=token())["posts"] == []
    config.replace(cms_org="")
    assert "CMS_ORG" in studio_api.expect_error(503, "GET", "/api/posts", token=None)
    assert studio_api.call("GET", "/api/cms/status", token=None) == {
        "status": "offline",
        "posts_count": None,
        "last_sync": None,
    }


def test_another_orgs_content_cannot_be_decided_on(studio_api: StudioApi) -> None:
    content_id = create(studio_api)
    body = {"content_id": content_id, "approved": True}
    studio_api.expect_error(404, "POST", "/api/content/approve", body, token=token(org="umbra"))
    assert studio_api.call("GET", f"/api/content/{content_id}")["status"] == "draft"

"""Social publishing over HTTP: what a caller sees without and with connected accounts."""

from typing import Any

import pytest

from tests.apis.studio.conftest import StudioApi
from tests.support.client import token
from tests.support.social import CREDENTIALS, IMAGE_URL, TOKEN, Platforms, platforms

POSTS = "/api/social/posts"
POST = {"platforms": ["twitter"], "content": "Hello!"}


@pytest.fixture
def fakes(studio_api: StudioApi) -> Platforms:
    return platforms(studio_api.world)


def connect(studio_api: StudioApi, platform: str = "twitter") -> Any:
    credentials = dict(CREDENTIALS)[platform]  # type: ignore[index]
    return studio_api.call("POST", "/api/social/connect", {"platform": platform, "credentials": credentials})


def test_without_an_account_everything_says_what_is_missing(studio_api: StudioApi) -> None:
    rows = studio_api.call("GET", "/api/social/platforms")["platforms"]
    assert len(rows) == 5 and not any(row["connected"] or row["followers"] is not None for row in rows)
    later = {**POST, "scheduled_at": "2026-02-01T12:00:00Z"}
    for method, path, body in (("POST", POSTS, POST), ("POST", POSTS, later), ("GET", "/api/social/trending", None)):
        reply = studio_api.request(method, path, body)
        assert (reply.status, reply.json["type"]) == (503, "not_configured")
        assert "POST /api/social/connect" in reply.json["detail"]
    assert "set MODELS" in studio_api.expect_error(
        503, "POST", "/api/social/generate", {"content": "x", "platforms": ["twitter"]}
    )
    assert studio_api.call("GET", POSTS) == {"posts": [], "next_cursor": None}


def test_a_post_from_its_schedule_to_its_figures(studio_api: StudioApi, fakes: Platforms) -> None:
    assert connect(studio_api) == {
        "name": "twitter",
        "connected": True,
        "account": "@acme",
        "followers": 10_000,
        "error": None,
    }
    body = {**POST, "hashtags": ["#ai"], "images": [{"url": IMAGE_URL}], "scheduled_at": "2026-01-01T12:01:00+00:00"}
    creation = studio_api.call("POST", POSTS, body)
    assert (creation["scheduled_at"], creation["posts"][0]["status"]) == ("2026-01-01T12:01:00Z", "scheduled")
    studio_api.expect_error(409, "GET", f"{POSTS}/{creation['id']}/analytics")
    studio_api.world.advance(61)
    [row] = studio_api.call("GET", f"{POSTS}?platform=twitter")["posts"]
    assert (row["status"], row["content"], row["error"]) == ("published", "Hello!\n\n#ai", None)
    assert row["url"].startswith("https://x.com/acme/status/") and row["published_at"] == "2026-01-01T12:01:00Z"
    analytics = studio_api.call("GET", f"{POSTS}/{row['id']}/analytics")
    assert (analytics["engagements"], analytics["engagement_rate"]) == (250, 0.05)
    studio_api.call("DELETE", f"{POSTS}/{creation['id']}")
    assert not fakes.twitter.published and studio_api.call("GET", POSTS)["posts"] == []


def test_a_repeated_request_with_a_key_posts_once(studio_api: StudioApi, fakes: Platforms) -> None:
    connect(studio_api)
    key = {"headers": {"Idempotency-Key": "one"}}
    first, second = (studio_api.call("POST", POSTS, POST, **key) for _ in range(2))
    studio_api.world.settle()
    assert first["id"] == second["id"] and len(fakes.twitter.published) == 1
    studio_api.expect_error(409, "POST", POSTS, POST | {"content": "Another"}, **key)


def test_a_cross_post_says_what_it_is_on_each_platform(studio_api: StudioApi, fakes: Platforms) -> None:
    for platform in ("twitter", "mastodon"):
        connect(studio_api, platform)
    creation = studio_api.call("POST", POSTS, POST)
    studio_api.world.settle()
    body = {"post_id": creation["id"], "platforms": ["twitter", "mastodon", "twitter"]}
    rows = studio_api.call("POST", "/api/social/cross-post", body)["posts"]
    assert [(row["platform"], row["status"]) for row in rows] == [("twitter", "published"), ("mastodon", "scheduled")]
    further = {"post_id": creation["id"], "platforms": ["instagram"]}
    assert "Not connected: instagram" in studio_api.expect_error(503, "POST", "/api/social/cross-post", further)


def test_no_answer_shows_a_credential(studio_api: StudioApi, fakes: Platforms) -> None:
    answers = [connect(studio_api), studio_api.call("GET", "/api/social/platforms")]
    wrong = {"platform": "twitter", "credentials": {"access_token": "another-secret-token"}}
    answers.append(studio_api.expect_error(400, "POST", "/api/social/connect", wrong))
    assert TOKEN not in str(answers) and "another-secret-token" not in str(answers)


def test_a_credential_that_no_header_can_have_is_refused_without_being_repeated(studio_api: StudioApi) -> None:
    """One that was copied with the end of its line."""
    body = {"platform": "linkedin", "credentials": {"access_token": "my-token\n"}}
    refused = studio_api.request("POST", "/api/social/connect", body)
    assert refused.status == 400 and "my-token" not in str(refused.json)


def test_another_orgs_posts_do_not_exist(studio_api: StudioApi, fakes: Platforms) -> None:
    connect(studio_api)
    made = studio_api.call("POST", POSTS, POST)
    other = {"token": token("user", org="other")}
    for method, path in (("DELETE", f"{POSTS}/{made['id']}"), ("GET", f"{POSTS}/{made['id']}/analytics")):
        studio_api.expect_error(404, method, path, **other)
    assert studio_api.call("GET", POSTS, **other)["posts"] == []

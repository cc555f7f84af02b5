"""An announced change becomes an event, which the inbox, webhooks and the live feed get alike."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from chalicelib.domain.changes.effects import Announcement
from chalicelib.domain.changes.public_events import Topic
from chalicelib.engine.events import fan_out

ORG = "acme"


class Event(NamedTuple):
    """As much of an event as decides who gets it."""

    pool: str
    subject: str


def announcement(subject: str, pool: str) -> Announcement:
    return Announcement(org=ORG, pool=pool, topic=Topic.TASK_UPDATED, subject=subject, version=1, at=1)


def test_each_api_builds_the_events_of_its_pool_and_the_live_feed_gets_those_of_projects(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published: list[tuple[str, Any]] = []
    monkeypatch.setattr(fan_out.inbox, "add_notifications", lambda org, events: published.append(("inbox", events)))
    monkeypatch.setattr(
        fan_out.event_deliveries, "create_deliveries", lambda org, events: published.append(("webhooks", events))
    )
    monkeypatch.setattr(fan_out.event_feed, "publish", lambda org, key, events, _: published.append((key, events)))

    def builder(pool: str) -> Any:
        def build(org: str, announcements: Sequence[Announcement]) -> list[Any]:
            assert org == ORG
            return [Event(pool, announcement.subject) for announcement in announcements]

        return build

    announcements = [announcement("t1", "projects"), announcement("t2", "other"), announcement("t3", "projects")]
    builders = {"projects": builder("projects"), "other": builder("other"), "idle": builder("idle")}
    fan_out.publish_announcements(ORG, "occasion", announcements, builders, lambda *_: True)
    of_projects = [Event("projects", "t1"), Event("projects", "t3")]
    of_all = [Event("other", "t2"), *of_projects]
    assert [(receiver, sorted(events)) for receiver, events in published] == [
        ("inbox", of_all),
        ("webhooks", of_all),
        ("occasion", of_projects),
    ]

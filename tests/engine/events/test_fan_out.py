"""What was announced becomes events, which the inbox, webhooks and the live feed get alike."""

from collections.abc import Sequence
from typing import Any

import pytest

from chalicelib.domain.changes.effects import Announcement
from chalicelib.domain.changes.public_events import Topic
from chalicelib.engine.events import fan_out

ORG = "acme"


def announcement(subject: str, pool: str) -> Announcement:
    return Announcement(org=ORG, pool=pool, topic=Topic.TASK_UPDATED, subject=subject, version=1, at=1)


def test_each_api_builds_the_events_of_its_pool_and_all_three_receivers_get_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    published: list[tuple[str, Any]] = []
    monkeypatch.setattr(fan_out.inbox, "add_notifications", lambda org, events: published.append(("inbox", events)))
    monkeypatch.setattr(
        fan_out.event_deliveries, "create_deliveries", lambda org, events: published.append(("webhooks", events))
    )
    monkeypatch.setattr(fan_out.event_feed, "publish", lambda org, key, events, _: published.append((key, events)))

    def builder(prefix: str) -> Any:
        def build(org: str, announcements: Sequence[Announcement]) -> list[Any]:
            assert org == ORG
            return [f"{prefix} {one.subject}" for one in announcements]

        return build

    announcements = [announcement("t1", "projects"), announcement("t2", "other"), announcement("t3", "projects")]
    builders = {"projects": builder("projects"), "other": builder("other"), "idle": builder("idle")}
    fan_out.publish_announcements(ORG, "occasion", announcements, builders, lambda *_: True)
    events = sorted(published[0][1])
    assert events == ["other t2", "projects t1", "projects t3"]
    assert [(receiver, sorted(found)) for receiver, found in published] == [
        ("inbox", events),
        ("webhooks", events),
        ("occasion", events),
    ]

"""A post as it is written once, for all its platforms. On each platform it is one delivery."""

import json
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self

from chalicelib.domain.deliveries.delivery import DAY, Delivery
from chalicelib.domain.deliveries.delivery import Status as DeliveryStatus
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform

ID_PREFIX = "post"
EVENT = "social.post"
RETENTION_MS = 730 * DAY
"""How long a post is kept after it was due."""
MAX_AHEAD_MS = 365 * DAY
"""How far ahead a post can be scheduled."""

Status = Literal["scheduled", "published", "failed"]
STATUS_BY_DELIVERY: Mapping[DeliveryStatus, Status] = {
    "pending": "scheduled",
    "delivered": "published",
    "failed": "failed",
}


class Image(NamedTuple):
    """An image at a public address, and what it shows, for people who do not see it."""

    url: str
    alt_text: str = ""


class Post(NamedTuple):
    """A post. The field names are stored."""

    id: str
    content: str
    hashtags: tuple[str, ...]
    images: tuple[Image, ...]
    scheduled_at: int | None
    """When it is published, in epoch milliseconds; None is at once."""
    platforms: tuple[Platform, ...]
    """Where it was to be published when it was created."""
    created_at: int
    created_by: str

    @property
    def text(self) -> str:
        """The content, and after it those of the hashtags that it does not have already."""
        words = {word.casefold() for word in self.content.split()}
        missing = [tag for tag in self.hashtags if tag.casefold() not in words]
        return f"{self.content}\n\n{' '.join(missing)}" if missing else self.content

    @property
    def due_at(self) -> int:
        """When it is to be published, in epoch milliseconds."""
        return self.created_at if self.scheduled_at is None else self.scheduled_at

    def to_json(self) -> str:
        """The post as it is stored."""
        value = self._asdict() | {"images": [image._asdict() for image in self.images]}
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The stored post."""
        value: dict[str, Any] = json.loads(text)
        images = tuple(Image(**image) for image in value["images"])
        return cls(
            **value | {"images": images, "hashtags": tuple(value["hashtags"]), "platforms": tuple(value["platforms"])}
        )


class PlatformPost(NamedTuple):
    """A post on one platform."""

    post: Post
    delivery: Delivery

    @property
    def id(self) -> str:
        """The post's id and the platform."""
        return f"{self.post.id}.{self.delivery.receiver}"

    @property
    def status(self) -> Status:
        return STATUS_BY_DELIVERY[self.delivery.status]

    @property
    def published_at(self) -> int | None:
        """When the platform took it."""
        is_published = self.status == "published" and bool(self.delivery.attempts)
        return self.delivery.attempts[-1].at if is_published else None


def parse_id(identifier: str) -> tuple[str, Platform | None]:
    """The id of a post, and the platform where the id names the post on one platform."""
    post_id, _, name = identifier.rpartition(".")
    platform = next((platform for platform in PLATFORMS if platform == name), None)
    return (identifier, None) if platform is None else (post_id, platform)

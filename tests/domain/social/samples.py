"""Posts for tests."""

from typing import Any

from chalicelib.domain.social.post import Post


def sample(**changes: Any) -> Post:
    """A post, with changes."""
    fields: dict[str, Any] = {
        "id": "post_1",
        "content": "Hello!",
        "hashtags": (),
        "images": (),
        "scheduled_at": None,
        "platforms": ("twitter",),
        "created_at": 1_000,
        "created_by": "ada",
    }
    return Post(**fields | changes)

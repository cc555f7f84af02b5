"""Images: made by a configured service, kept in S3 as long as payloads are, and shown by links."""

from typing import Literal, NamedTuple

from chalicelib import ids
from chalicelib.engine.subtasks import services
from chalicelib.providers import images as makers
from chalicelib.storage.aws import s3

Style = Literal["photorealistic", "illustration", "3d"]
MAX_IMAGES = 4
LINK_SECONDS = 3_600
"""How long a link is valid; a function's credentials may end it before."""
REQUEST_SECONDS = 24.0
STEP_SECONDS = 180.0
_WORDS: dict[Style, str] = {"photorealistic": "photorealistic", "illustration": "illustration", "3d": "3D rendering"}


class Image(NamedTuple):
    """An image by a link that anybody can open for LINK_SECONDS. `key` is its place in the payload bucket."""

    url: str
    prompt: str
    key: str


def make_images(org: str, prompt: str, style: Style, count: int, *, seconds: float = REQUEST_SECONDS) -> list[Image]:
    """Have images made and keep them. One call of S3 for each.

    Raises NotConfigured where IMAGES is not set, and as `providers.images.make_images`.
    """
    made = makers.make_images(services.require("images"), f"{prompt}, {_WORDS[style]}", count, seconds=seconds)
    return [_keep(org, prompt, content) for content in made]


def _keep(org: str, prompt: str, content: bytes) -> Image:
    media_type = makers.media_type(content) or "image/png"
    key = "/".join([s3.EXPIRING, org, "images", ids.new("image")])
    s3.put_object(key, content, media_type)
    return Image(s3.presigned_url(key, LINK_SECONDS, ResponseContentType=media_type), prompt, key)

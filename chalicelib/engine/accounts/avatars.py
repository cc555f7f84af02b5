"""Avatars: the picture of a user is an object in S3; the user's document says whether there is one."""

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.files.image_size import read_image_header
from chalicelib.engine.documents import documents
from chalicelib.errors import InvalidRequest, NotFound, TooLarge
from chalicelib.storage.aws import s3

USER = "user"
MAX_BYTES = 1024 * 1024
MAX_SIDE_PX = 4096
LINK_TTL_S = 300


def replace_avatar(org: str, user_id: str, content: bytes) -> Document:
    """Replace a user's picture; returns the user. Three calls.

    The picture is stored unchanged: browsers scale it. Raises TooLarge, NotFound, and InvalidRequest for a file that is
    no picture or has too many pixels.
    """
    media_type = _require_picture(content)
    s3.put_object(_object_key(org, user_id), content, media_type)
    fields = {"avatar": {"media_type": media_type, "at": clock.now()}}
    try:
        return documents.merge(org, USER, user_id, fields, by=user_id)
    except NotFound:
        s3.delete_object(_object_key(org, user_id))
        raise


def download_link(org: str, user_id: str) -> str:
    """A link by which anyone can get the user's picture for LINK_TTL_S. One call. Raises NotFound."""
    if not documents.get(org, USER, user_id).body.get("avatar"):
        raise NotFound("Avatar", user_id)
    return s3.presigned_url(_object_key(org, user_id), LINK_TTL_S)


def find_url(user: Document) -> str | None:
    """A link to the picture that a user has uploaded, as `download_link`; else to the one where the user signed in."""
    if user.body.get("avatar"):
        return s3.presigned_url(_object_key(user.org, user.id), LINK_TTL_S)
    url: str | None = user.body.get("avatar_url")
    return url


def delete_avatar(org: str, user_id: str) -> None:
    """Delete the picture of a deleted user. One call."""
    s3.delete_object(_object_key(org, user_id))


def _require_picture(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise TooLarge(f"The picture has {len(content)} bytes; at most {MAX_BYTES} are accepted")
    header = read_image_header(content)
    if header is None:
        raise _invalid_avatar("must be a PNG, JPEG, GIF or WebP picture")
    if max(header.width, header.height) > MAX_SIDE_PX:
        size = f"{header.width} x {header.height}"
        raise _invalid_avatar(f"must be at most {MAX_SIDE_PX} pixels wide and high, not {size}")
    return header.media_type


def _invalid_avatar(what: str) -> InvalidRequest:
    return InvalidRequest(f"avatar: {what}", fields={"avatar": what})


def _object_key(org: str, user_id: str) -> str:
    return f"avatars/{org}/{user_id}"

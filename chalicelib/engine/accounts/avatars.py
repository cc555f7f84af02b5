"""Pictures of users: one object in S3 each, and on the user's document whether there is one."""

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.files.image_size import read_image_header
from chalicelib.engine.documents import documents
from chalicelib.errors import InvalidRequest, NotFound, TooLarge
from chalicelib.storage.aws import s3

USER = "user"
LARGEST = 1024 * 1024
"""In bytes."""
LARGEST_SIDE = 4096
"""In pixels."""
LINK_SECONDS = 300


def change(org: str, user_id: str, content: bytes) -> Document:
    """Give a user this picture, in the place of the one before; returns the user. Three calls.

    It is kept as it is: browsers scale. Raises TooLarge, InvalidRequest for what is no picture or has too many pixels,
    NotFound.
    """
    media_type = _checked(content)
    s3.put_object(_object(org, user_id), content, media_type)
    said = {"avatar": {"media_type": media_type, "at": clock.now()}}
    try:
        return documents.merge(org, USER, user_id, said, by=user_id)
    except NotFound:
        s3.delete_object(_object(org, user_id))
        raise


def link(org: str, user_id: str) -> str:
    """Where anyone may fetch the user's picture for LINK_SECONDS. One call. Raises NotFound."""
    if not documents.get(org, USER, user_id).body.get("avatar"):
        raise NotFound("Avatar", user_id)
    return s3.presigned_url(_object(org, user_id), LINK_SECONDS)


def forget(org: str, user_id: str) -> None:
    """Remove the picture of a user who is gone. One call."""
    s3.delete_object(_object(org, user_id))


def _checked(content: bytes) -> str:
    if len(content) > LARGEST:
        raise TooLarge(f"The picture has {len(content)} bytes; at most {LARGEST} are accepted")
    found = read_image_header(content)
    if found is None:
        raise _refused("must be a PNG, JPEG, GIF or WebP picture")
    if max(found.width, found.height) > LARGEST_SIDE:
        raise _refused(f"must be at most {LARGEST_SIDE} pixels wide and high, not {found.width} x {found.height}")
    return found.media_type


def _refused(what: str) -> InvalidRequest:
    return InvalidRequest(f"avatar: {what}", fields={"avatar": what})


def _object(org: str, user_id: str) -> str:
    return f"avatars/{org}/{user_id}"

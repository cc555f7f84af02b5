"""Avatars of users (coordinaitor.md, "User Endpoints")."""

from typing import Annotated

from pydantic import Field

from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, CamelSchema, FilePart, MultipartSchema, Redirect, Routes
from chalicelib.engine.accounts import avatars
from chalicelib.errors import InvalidRequest

routes = Routes("/api/v1/users", tag="Users")

UserId = Annotated[Identifier, Field(description="The user's id.")]
FOUND = 302


class AvatarIn(MultipartSchema):
    """A picture: PNG, JPEG, GIF or WebP, at most 1 MB and 4096 pixels wide and high, under either name."""

    avatar: FilePart | None = None
    file: FilePart | None = None


class AvatarOut(CamelSchema):
    """The path of the avatar."""

    avatar: str = Field(description="It does not change; it leads to the current picture.")


def avatar_path(user: Document) -> str | None:
    """The path of a user's avatar; None without one."""
    return f"{routes.prefix}/{user.id}/avatar" if user.body.get("avatar") else None


@routes.post("/me/avatar", errors=[404])
def upload_avatar(caller: Caller, body: AvatarIn) -> AvatarOut:
    """Upload your avatar. It replaces the one before."""
    sent = body.avatar or body.file
    if sent is None:
        raise InvalidRequest("Missing required field: avatar", fields={"avatar": "is required"})
    avatars.replace_avatar(caller.org, caller.subject, sent.content)
    return AvatarOut(avatar=f"{routes.prefix}/{caller.subject}/avatar")


@routes.get("/{userId}/avatar", status=FOUND)
def get_avatar(caller: Caller, user_id: UserId) -> Redirect:
    """Get a user's avatar: redirects to a link that is valid for five minutes without a token."""
    return Redirect(avatars.download_link(caller.org, user_id), FOUND)

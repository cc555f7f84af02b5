"""Users' pictures (coordinaitor.md, "User Endpoints")."""

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
    """Where the picture is from now on."""

    avatar: str = Field(description="Always the same; it leads to the picture as it is then.")


def avatar_of(user: Document) -> str | None:
    """The path of a user's picture; None when there is none."""
    return f"{routes.prefix}/{user.id}/avatar" if user.body.get("avatar") else None


@routes.post("/me/avatar", errors=[404])
def upload_avatar(caller: Caller, body: AvatarIn) -> AvatarOut:
    """Upload your picture, in the place of the one before."""
    sent = body.avatar or body.file
    if sent is None:
        raise InvalidRequest("Missing required field: avatar", fields={"avatar": "is required"})
    avatars.replace_avatar(caller.org, caller.subject, sent.content)
    return AvatarOut(avatar=f"{routes.prefix}/{caller.subject}/avatar")


@routes.get("/{userId}/avatar", status=FOUND)
def get_avatar(caller: Caller, user_id: UserId) -> Redirect:
    """A user's picture: leads to where it can be fetched, without a token, for five minutes."""
    return Redirect(avatars.download_link(caller.org, user_id), FOUND)

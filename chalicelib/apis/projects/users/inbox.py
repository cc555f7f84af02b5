"""Notifications: what concerns the caller, and whether it was read (coordinaitor.md, "User Endpoints")."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, CamelSchema, Instant, Paged, Request, Routes
from chalicelib.engine.accounts import inbox

routes = Routes("/api/v1/users/me/notifications", tag="Notifications")

NotificationId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class NotificationOut(CamelSchema):
    """Something that happened and concerns the caller. It is kept for 90 days."""

    id: str = Field(examples=["notif_abc123"])
    type: str = Field(description="The event, as webhooks name it.", examples=["task.failed"])
    message: str
    data: dict[str, str] = Field(description="What it is about, by id.", examples=[{"taskId": "task_abc123"}])
    read: bool
    read_at: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, found: Document) -> Self:
        body = found.body
        return cls(
            id=found.id,
            type=body["type"],
            message=body["message"],
            data=body["data"],
            read=inbox.is_read(found),
            read_at=body["readAt"],
            created_at=found.created_at,
        )


class AllRead(CamelSchema):
    """What is read now."""

    read: int = Field(description="How many were unread.")


Unread = Annotated[
    bool | None,
    Field(description="true: only those; their number is `pagination.total`. false: only those read."),
]


@routes.get()
def list_notifications(
    caller: Caller, request: Request, unread: Unread = None, page: PageNumber = 1, limit: PageSize = 20
) -> Paged[NotificationOut]:
    """List the caller's notifications, newest first: of the newest 1,000."""
    found = [NotificationOut.of(one) for one in inbox.list_newest(caller.org, caller.subject)]
    return slice_page(request, [one for one in found if unread in (None, not one.read)], page=page, limit=limit)


@routes.put("/read-all")
def read_all_notifications(caller: Caller) -> AllRead:
    """Note that the caller has read them all."""
    return AllRead(read=inbox.mark_all_read(caller.org, caller.subject))


@routes.put("/{notificationId}/read")
def read_notification(caller: Caller, notification_id: NotificationId) -> NotificationOut:
    """Note that the caller has read one; again, it stays as it was."""
    return NotificationOut.of(inbox.mark_read(caller.org, caller.subject, notification_id))

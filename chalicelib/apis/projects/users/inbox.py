"""Notifications of the caller: list, and mark as read (coordinaitor.md, "User Endpoints")."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.domain.document import Document
from chalicelib.edge import Caller, CamelSchema, Instant, Paged, Request, Routes
from chalicelib.engine.accounts import inbox

routes = Routes("/api/v1/users/me/notifications", tag="Notifications")

NotificationId = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class NotificationOut(CamelSchema):
    """A notification about an event that concerns the caller. It is kept for 90 days."""

    id: str = Field(examples=["notif_abc123"])
    type: str = Field(description="The event, named as for webhooks.", examples=["task.failed"])
    message: str
    data: dict[str, str] = Field(description="Ids of what the event is about.", examples=[{"taskId": "task_abc123"}])
    read: bool
    read_at: Instant | None
    created_at: Instant

    @classmethod
    def from_document(cls, notification: Document) -> Self:
        body = notification.body
        return cls(
            id=notification.id,
            type=body["type"],
            message=body["message"],
            data=body["data"],
            read=inbox.is_read(notification),
            read_at=body["readAt"],
            created_at=notification.created_at,
        )


class AllRead(CamelSchema):
    """The result of marking all notifications as read."""

    read: int = Field(description="Number of notifications that were unread.")


Unread = Annotated[
    bool | None,
    Field(description="true: only unread ones; their number is `pagination.total`. false: only read ones."),
]


@routes.get()
def list_notifications(
    caller: Caller, request: Request, unread: Unread = None, page: PageNumber = 1, limit: PageSize = 20
) -> Paged[NotificationOut]:
    """List the caller's newest 1,000 notifications, newest first."""
    rows = [
        NotificationOut.from_document(notification) for notification in inbox.list_newest(caller.org, caller.subject)
    ]
    return slice_page(request, [row for row in rows if unread in (None, not row.read)], page=page, limit=limit)


@routes.put("/read-all")
def read_all_notifications(caller: Caller) -> AllRead:
    """Mark all notifications of the caller as read."""
    return AllRead(read=inbox.mark_all_read(caller.org, caller.subject))


@routes.put("/{notificationId}/read")
def read_notification(caller: Caller, notification_id: NotificationId) -> NotificationOut:
    """Mark a notification as read. A repetition changes nothing."""
    return NotificationOut.from_document(inbox.mark_read(caller.org, caller.subject, notification_id))

"""Schemas of users (coordinaitor.md, "User Endpoints")."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from chalicelib.apis.projects.permissions import Role
from chalicelib.apis.projects.users.avatars import avatar_path
from chalicelib.domain.accounts import email_addresses
from chalicelib.domain.document import Document
from chalicelib.domain.tasks.working_hours import is_zone
from chalicelib.edge import SECRET, CamelSchema, Instant
from chalicelib.engine.accounts.user_stats import Stats
from chalicelib.engine.accounts.users import Profile
from chalicelib.engine.security.passwords import MAX_LENGTH, MIN_LENGTH

MAX_EMAIL_LENGTH = 254
Plan = Literal["free", "pro", "enterprise"]
Status = Literal["invited", "active"]


def _strip(text: Any) -> Any:
    return text.strip() if isinstance(text, str) else text


def _check_zone(name: str) -> str:
    if not is_zone(name):
        raise ValueError("must be a time zone of the IANA database, such as Europe/Berlin")
    return name


_PART = r"[^@\s\x00-\x1f\x7f\ud800-\udfff]+"
_ADDRESS = re.compile(rf"{_PART}@{_PART}\.{_PART}")


def _check_email(email: str) -> str:
    if not _ADDRESS.fullmatch(email):
        raise ValueError("must be an email address, such as jane.doe@example.com")
    return email


def _normalize_email(text: Any) -> Any:
    return email_addresses.normalize(text) if isinstance(text, str) else text


Email = Annotated[
    str, BeforeValidator(_normalize_email), StringConstraints(max_length=MAX_EMAIL_LENGTH), AfterValidator(_check_email)
]
Name = Annotated[str, BeforeValidator(_strip), StringConstraints(min_length=1, max_length=100)]
Password = Annotated[
    str,
    SECRET,
    StringConstraints(min_length=MIN_LENGTH, max_length=MAX_LENGTH),
    Field(
        description="Any characters; passwords that are easy to guess are refused.",
        examples=["correct horse battery"],
    ),
]
Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check_zone)]


class NotificationChoices(CamelSchema):
    """How a user wants to be notified. Stored for clients; this API does not send these notifications."""

    email: bool = True
    push: bool = True
    desktop: bool = False


class Preferences(CamelSchema):
    """Preferences of a user."""

    theme: Literal["light", "dark", "system"] = "system"
    language: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", max_length=35)] = "en"
    timezone: Zone = "UTC"
    notifications: NotificationChoices = Field(default_factory=NotificationChoices)


class UserOut(CamelSchema):
    """A user."""

    id: str
    email: str
    name: str
    role: Role
    plan: Plan
    status: Status
    organization_id: str
    avatar: str | None
    created_at: Instant
    last_login_at: Instant | None

    @classmethod
    def from_document(cls, user: Document, **more: Any) -> Self:
        """The user as this API shows it."""
        body = user.body
        return cls(
            id=user.id,
            organization_id=user.org,
            avatar=avatar_path(user),
            created_at=user.created_at,
            last_login_at=body.get("last_login_at"),
            **{name: body[name] for name in ("email", "name", "role", "plan", "status")},
            **more,
        )


class StatsOut(CamelSchema):
    """Statistics of a user; they follow within a few seconds."""

    tasks_created: int
    tasks_completed: int = Field(description="Of the tasks that the user has created.")
    projects_active: int = Field(description="Active projects that the user is a member of.")


class MeOut(UserOut):
    """The caller's own account."""

    preferences: Preferences
    stats: StatsOut

    @classmethod
    def with_stats(cls, user: Document, stats: Stats) -> Self:
        """The user with preferences and statistics."""
        preferences = Preferences.model_validate(user.body.get("preferences", {}))
        return cls.from_document(user, preferences=preferences, stats=StatsOut(**stats._asdict()))


class InvitedOut(UserOut):
    """An invited user."""

    invitation_token: str = Field(description="For POST /api/v1/auth/accept-invitation: valid once, for 72 hours.")


class MeChange(CamelSchema):
    """Changes of the caller's account. Fields that are not sent stay as they are."""

    name: Name = Field(default_factory=str)
    preferences: Preferences = Field(
        default_factory=Preferences, description="Preferences that are not sent stay as they are."
    )


class PasswordIn(CamelSchema):
    """A change of the password."""

    current_password: Annotated[str, SECRET, StringConstraints(min_length=1, max_length=1024)]
    new_password: Password


class UserIn(CamelSchema):
    """A user to be invited."""

    email: Email = Field(examples=["jane.doe@example.com"])
    name: Name = Field(examples=["Jane Doe"])
    role: Role = "developer"
    plan: Plan = "free"

    @property
    def profile(self) -> Profile:
        """The engine's profile of this user."""
        return Profile(self.email, self.name, self.role, self.plan)


class UserChange(CamelSchema):
    """Changes of a user. Fields that are not sent stay as they are."""

    name: Name = Field(default_factory=str)
    role: Role = Field(default_factory=lambda: "developer")
    plan: Plan = Field(default_factory=lambda: "free")

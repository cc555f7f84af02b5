"""API keys for programs (coordinaitor.md, "API Key Authentication"): each user creates, lists and revokes their own.

The document shows the paths without a version; both paths are the same.
"""

from typing import Annotated, Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.inputs import Identifier
from chalicelib.apis.projects.users.schemas import Name
from chalicelib.edge import Caller, CamelSchema, Created, Instant, InstantMs, Paged, Request, Routes
from chalicelib.engine.accounts import api_keys
from chalicelib.engine.accounts.api_keys import ApiKey, KeyRequest
from chalicelib.errors import InvalidRequest

routes = Routes("/api/v1/auth/api-keys", tag="API keys")
unversioned = Routes("/api/auth/api-keys", tag="API keys")

PerHour = Annotated[int, Field(ge=1, le=100_000, strict=True)]
AtOnce = Annotated[int, Field(ge=1, le=1_000, strict=True)]


class RateLimit(CamelSchema):
    """Rate limit of a key, at most that of its owner's plan, which is the default."""

    requests_per_hour: PerHour | None = None
    burst: AtOnce | None = Field(default=None, description="Requests at the same time.")


class KeyIn(CamelSchema):
    """A key to be created."""

    name: Name = Field(examples=["My Integration"])
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=50)] = Field(
        examples=[["tasks:read", "tasks:write", "agents:read"]],
        description="A key can have any permission that its owner has.",
    )
    expires_at: InstantMs | None = Field(
        default=None, description="ISO 8601, in whole seconds; by default the key does not expire."
    )
    rate_limit: RateLimit = Field(default_factory=RateLimit)

    @property
    def key_request(self) -> KeyRequest:
        """The engine's request for this key."""
        rate = self.rate_limit
        expires_at_ms = None if self.expires_at is None else self.expires_at // clock.SECOND * clock.SECOND
        return KeyRequest(self.name, set(self.permissions), expires_at_ms, rate.requests_per_hour, rate.burst)


class KeyOut(CamelSchema):
    """A key. Permissions that its owner loses are not effective."""

    id: str
    name: str
    last4: str = Field(description="The last characters of the key.")
    permissions: list[str]
    rate_limit: RateLimit
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(description="Updated at most every five minutes.")

    @classmethod
    def from_key(cls, api_key: ApiKey, **more: str) -> Self:
        """The key as this API shows it."""
        rate = RateLimit(requests_per_hour=api_key.requests_per_hour, burst=api_key.burst)
        shown = ("id", "name", "last4", "created_at", "last_used_at")
        fields = {name: getattr(api_key, name) for name in shown} | {"expires_at": api_key.expires_at_ms}
        return cls(**fields, permissions=sorted(api_key.permissions), rate_limit=rate, **more)


class CreatedKeyOut(KeyOut):
    """A new key with its text, which is never shown again."""

    key: str = Field(examples=["ak_LKDpe6qKbzNnWkVeLu8ONtWT4GysM8NIKvYwzmlXZatPQ3i43CXY2W"])


@routes.post(status=201, errors=[404, 409])
@unversioned.post(status=201, errors=[404, 409], name="create_api_key_unversioned")
def create_api_key(caller: Caller, body: KeyIn) -> Created[CreatedKeyOut]:
    """Create an API key, to be sent as `X-API-Key: <key>` or `Authorization: Bearer <key>`."""
    _require_own_limits(caller, body)
    key, text = api_keys.create(caller.org, caller.subject, body.key_request)
    return Created(CreatedKeyOut.from_key(key, key=text), location=f"{routes.prefix}/{key.id}")


@routes.get(errors=[404])
@unversioned.get(errors=[404], name="list_api_keys_unversioned")
def list_api_keys(request: Request, caller: Caller, page: PageNumber = 1, limit: PageSize = 20) -> Paged[KeyOut]:
    """List your valid API keys, newest first."""
    rows = [KeyOut.from_key(key) for key in api_keys.list_keys(caller.org, caller.subject)]
    return slice_page(request, rows, page=page, limit=limit)


@routes.delete("/{keyId}")
@unversioned.delete("/{keyId}", name="revoke_api_key_unversioned")
def revoke_api_key(caller: Caller, key_id: Identifier) -> Deleted:
    """Revoke an API key. It is refused at once, or within ten seconds by other processes."""
    api_keys.revoke(caller.org, caller.subject, key_id)
    return Deleted(id=key_id)


def _require_own_limits(caller: Caller, body: KeyIn) -> None:
    """Raise InvalidRequest for permissions and rates beyond those of the caller."""
    per_hour, burst = access.rate_limit_of(caller)
    beyond = sorted(set(body.permissions) - access.effective_permissions(caller))
    requested = body.rate_limit
    problems = {
        "permissions": f"must be among your own; {beyond[0]} is not" if beyond else "",
        "rateLimit.requestsPerHour": _limit_error(requested.requests_per_hour, per_hour),
        "rateLimit.burst": _limit_error(requested.burst, burst),
        "expiresAt": "must be in the future" if body.expires_at and body.expires_at <= clock.now() else "",
    }
    errors = {field: what for field, what in problems.items() if what}
    if errors:
        raise InvalidRequest(": ".join(next(iter(errors.items()))), fields=errors)


def _limit_error(requested: int | None, limit: int) -> str:
    return f"must be at most your plan's {limit}" if requested is not None and requested > limit else ""

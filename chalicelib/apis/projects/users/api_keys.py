"""API keys for programs (coordinaitor.md, "API Key Authentication"): create, list, revoke; each user their own.

The document shows them without a version; both paths answer alike.
"""

from typing import Annotated, Self

from pydantic import Field

from chalicelib import clock
from chalicelib.apis.projects import access
from chalicelib.apis.projects.paging import PageNumber, PageSize, slice_page
from chalicelib.apis.projects.permissions import Permission
from chalicelib.apis.projects.schemas import Deleted
from chalicelib.apis.projects.tasks.inputs import Identifier, InstantMs
from chalicelib.apis.projects.users.schemas import Name
from chalicelib.edge import Caller, CamelSchema, Created, Instant, Paged, Request, Routes
from chalicelib.engine.accounts import api_keys
from chalicelib.engine.accounts.api_keys import ApiKey, KeyRequest
from chalicelib.errors import InvalidRequest

routes = Routes("/api/v1/auth/api-keys", tag="API keys")
unversioned = Routes("/api/auth/api-keys", tag="API keys")

PerHour = Annotated[int, Field(ge=1, le=100_000, strict=True)]
AtOnce = Annotated[int, Field(ge=1, le=1_000, strict=True)]


class RateLimit(CamelSchema):
    """How often a key may call, where that is less than its owner's plan allows."""

    requests_per_hour: PerHour | None = None
    burst: AtOnce | None = Field(default=None, description="Requests at once.")


class KeyIn(CamelSchema):
    """A key that is wanted."""

    name: Name = Field(examples=["My Integration"])
    permissions: Annotated[list[Permission], Field(min_length=1, max_length=50)] = Field(
        examples=[["tasks:read", "tasks:write", "agents:read"]], description="Any of your own."
    )
    expires_at: InstantMs | None = Field(default=None, description="ISO 8601, in whole seconds; never, if not sent.")
    rate_limit: RateLimit = Field(default_factory=RateLimit)

    @property
    def wanted(self) -> KeyRequest:
        rate = self.rate_limit
        expires_at_ms = None if self.expires_at is None else self.expires_at // clock.SECOND * clock.SECOND
        return KeyRequest(self.name, set(self.permissions), expires_at_ms, rate.requests_per_hour, rate.burst)


class KeyOut(CamelSchema):
    """What may be shown of a key. What it may do is never more than its owner may now."""

    id: str
    name: str
    last4: str = Field(description="The key's last characters.")
    permissions: list[str]
    rate_limit: RateLimit
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(description="Noted at most every five minutes.")

    @classmethod
    def of(cls, found: ApiKey, **more: str) -> Self:
        """The key as this API shows it."""
        rate = RateLimit(requests_per_hour=found.requests_per_hour, burst=found.burst)
        shown = ("id", "name", "last4", "created_at", "last_used_at")
        facts = {name: getattr(found, name) for name in shown} | {"expires_at": found.expires_at_ms}
        return cls(**facts, permissions=sorted(found.permissions), rate_limit=rate, **more)


class CreatedKeyOut(KeyOut):
    """A new key with its text, which is shown this once."""

    key: str = Field(examples=["ak_LKDpe6qKbzNnWkVeLu8ONtWT4GysM8NIKvYwzmlXZatPQ3i43CXY2W"])


@routes.post(status=201, errors=[404, 409])
@unversioned.post(status=201, errors=[404, 409], name="create_api_key_unversioned")
def create_api_key(caller: Caller, body: KeyIn) -> Created[CreatedKeyOut]:
    """Create an API key, to be sent as `X-API-Key: <key>` or `Authorization: Bearer <key>`."""
    _require_within(caller, body)
    key, text = api_keys.create(caller.org, caller.subject, body.wanted)
    return Created(CreatedKeyOut.of(key, key=text), location=f"{routes.prefix}/{key.id}")


@routes.get(errors=[404])
@unversioned.get(errors=[404], name="list_api_keys_unversioned")
def list_api_keys(request: Request, caller: Caller, page: PageNumber = 1, limit: PageSize = 20) -> Paged[KeyOut]:
    """List your API keys that are good, newest first."""
    found = [KeyOut.of(key) for key in api_keys.list_keys(caller.org, caller.subject)]
    return slice_page(request, found, page=page, limit=limit)


@routes.delete("/{keyId}")
@unversioned.delete("/{keyId}", name="revoke_api_key_unversioned")
def revoke_api_key(caller: Caller, key_id: Identifier) -> Deleted:
    """Revoke an API key: it is refused from then on, everywhere within ten seconds."""
    api_keys.revoke(caller.org, caller.subject, key_id)
    return Deleted(id=key_id)


def _require_within(caller: Caller, body: KeyIn) -> None:
    """Raise InvalidRequest for more than the caller has itself."""
    per_hour, burst = access.rate_limit_of(caller)
    beyond = sorted(set(body.permissions) - access.effective_permissions(caller))
    asked = body.rate_limit
    problems = {
        "permissions": f"must be among your own, which {beyond[0]} is not" if beyond else "",
        "rateLimit.requestsPerHour": _at_most(asked.requests_per_hour, per_hour),
        "rateLimit.burst": _at_most(asked.burst, burst),
        "expiresAt": "must be in the future" if body.expires_at and body.expires_at <= clock.now() else "",
    }
    found = {field: what for field, what in problems.items() if what}
    if found:
        raise InvalidRequest(": ".join(next(iter(found.items()))), fields=found)


def _at_most(asked: int | None, most: int) -> str:
    return f"must be at most your plan's {most}" if asked is not None and asked > most else ""

"""The client: one attribute for each kind of resource."""

import mimetypes
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator_sdk.transport import Transport, camel, query_of, segment
from orchestrator_sdk.watching import Update, watch

Json = dict[str, Any]
API = "/api/v1"


class OrchestratorClient:
    """Speaks to one deployment, as the holder of an API key or of an access token.

    `timeout` is in seconds for one attempt; `attempts` is how often a request is tried that may be.
    """

    def __init__(
        self,
        base_url: str = "http://localhost:3000",
        api_key: str | None = None,
        *,
        access_token: str | None = None,
        timeout: float = 30.0,
        attempts: int = 3,
    ) -> None:
        headers = {"Accept": "application/json"}
        if api_key:
            headers["X-API-Key"] = api_key
        elif access_token:
            headers["Authorization"] = f"Bearer {access_token}"
        transport = Transport(base_url, headers, timeout, attempts)
        self.tasks = Tasks(transport)
        self.agents = Agents(transport)
        self.projects = Projects(transport)
        self.users = Users(transport)
        self.system = System(transport)
        self.webhooks = Webhooks(transport)


class _Resource:
    """A kind of resource under one path. What is called `data` in an answer is what a method returns; lists keep their
    `data` and `pagination`."""

    path = ""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def _data(self, method: str, path: str = "", body: Any = None, **options: Any) -> Any:
        answer = await self._transport.send(method, f"{API}{self.path}{path}", body, **options)
        return answer["data"] if isinstance(answer, dict) and "data" in answer else answer

    async def _list(self, path: str = "", **filters: Any) -> Json:
        answer: Json = await self._transport.send("GET", f"{API}{self.path}{path}{query_of(filters)}")
        return answer

    async def list(self, filters: Mapping[str, Any] | None = None, **more: Any) -> Json:
        """One page: `data`, `pagination`, `links`."""
        return await self._list(**{**(filters or {}), **more})

    async def create(self, fields: Mapping[str, Any]) -> Json:
        """Create one; returns it."""
        found: Json = await self._data("POST", "", camel(fields))
        return found

    async def get(self, identifier: str) -> Json:
        """One as it is now."""
        found: Json = await self._data("GET", f"/{segment(identifier)}")
        return found

    async def update(self, identifier: str, fields: Mapping[str, Any]) -> Json:
        """Change the fields that are named; returns it as it is then."""
        found: Json = await self._data("PUT", f"/{segment(identifier)}", camel(fields))
        return found

    async def delete(self, identifier: str) -> Json:
        """Remove one."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}")
        return found


class Tasks(_Resource):
    """Tasks: create, find, change, watch."""

    path = "/tasks"

    async def create(self, fields: Mapping[str, Any]) -> Json:
        """Create a task; sent twice after a lost answer, it is still one task."""
        found: Json = await self._data("POST", "", camel(fields), once=True)
        return found

    async def get(self, identifier: str, include: list[str] | None = None) -> Json:
        """A task as it is now, with comments, files, history or metrics if they are named."""
        found: Json = await self._data("GET", f"/{segment(identifier)}{query_of({'include': include})}")
        return found

    async def update(self, identifier: str, fields: Mapping[str, Any]) -> Json:
        """Change the fields that are named, `status` among them; returns the task as it is then."""
        found: Json = await self._data("PATCH", f"/{segment(identifier)}", camel(fields))
        return found

    async def delete(self, identifier: str, reason: str | None = None) -> Json:
        """Remove a task; whoever works on it is told to stop."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}{query_of({'reason': reason})}")
        return found

    async def assign(self, identifier: str, agent_id: str, **fields: Any) -> Json:
        """Give a task to an agent."""
        body = camel({"agent_id": agent_id, **fields})
        found: Json = await self._data("POST", f"/{segment(identifier)}/assign", body)
        return found

    async def comment(self, identifier: str, content: str, mentions: list[str] | None = None) -> Json:
        """Add a comment."""
        body = {"content": content, "mentions": mentions or []}
        found: Json = await self._data("POST", f"/{segment(identifier)}/comments", body)
        return found

    async def upload(self, identifier: str, path: str | Path, description: str = "") -> Json:
        """Add a file."""
        file = Path(path)
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        fields = {"file": (file.name, file.read_bytes(), kind), "description": description}
        found: Json = await self._data("POST", f"/{segment(identifier)}/files", fields=fields)
        return found

    def watch(self, identifier: str) -> AsyncIterator[Update]:
        """What becomes of a task: `{"type": "progress", "progress": 0.4, "task": ...}`, at the end `completed`, or
        `error` with why it failed or was cancelled.

        It begins with the task as it is, and survives broken connections.
        """
        return watch(self._transport.base_url, self._transport.headers, identifier, lambda: self.get(identifier))


class Agents(_Resource):
    """Agents: those who do tasks."""

    path = "/agents"

    async def enable(self, identifier: str) -> Json:
        """Put an agent back into rotation."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/enable")
        return found

    async def disable(self, identifier: str, reason: str | None = None) -> Json:
        """Take an agent out of rotation; what it works on is finished."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/disable", {"reason": reason} if reason else {})
        return found

    async def tasks(self, identifier: str, **filters: Any) -> Json:
        """A page of an agent's tasks."""
        return await self._list(f"/{segment(identifier)}/tasks", **filters)

    async def metrics(self, identifier: str) -> Json:
        """An agent's figures."""
        found: Json = await self._data("GET", f"/{segment(identifier)}/metrics")
        return found


class Projects(_Resource):
    """Projects, their members and tasks."""

    path = "/projects"

    async def tasks(self, identifier: str, **filters: Any) -> Json:
        """A page of a project's tasks."""
        return await self._list(f"/{segment(identifier)}/tasks", **filters)

    async def add_member(self, identifier: str, user_id: str, role: str, permissions: list[str] | None = None) -> Json:
        """Let a user take part in a project."""
        body = {"userId": user_id, "role": role} | ({"permissions": permissions} if permissions is not None else {})
        found: Json = await self._data("POST", f"/{segment(identifier)}/members", body)
        return found

    async def remove_member(self, identifier: str, user_id: str) -> Json:
        """A user takes part no more."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}/members/{segment(user_id)}")
        return found


class Users(_Resource):
    """Users, and oneself."""

    path = "/users"

    async def me(self) -> Json:
        """Who the credential belongs to."""
        found: Json = await self._data("GET", "/me")
        return found

    async def notifications(self, **filters: Any) -> Json:
        """A page of one's own notifications."""
        return await self._list("/me/notifications", **filters)


class System(_Resource):
    """How the service is."""

    path = "/system"

    async def health(self) -> Json:
        """Whether all is well: `status` is `healthy` then."""
        found: Json = await self._data("GET", "/health")
        return found

    async def metrics(self) -> Json:
        """The org's figures."""
        found: Json = await self._data("GET", "/metrics")
        return found


class Webhooks(_Resource):
    """Where this service posts what happens."""

    path = "/webhooks"

    async def test(self, identifier: str) -> Json:
        """Have a test event posted."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/test")
        return found

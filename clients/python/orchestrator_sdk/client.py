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
    """A client of one deployment, with an API key or an access token.

    `timeout` is in seconds for one attempt. `attempts` is the maximum number of attempts of a request that may be
    repeated.
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
    """The resources under one path. Methods return the answer's `data`; lists return `data` and `pagination`."""

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
        """Get one page: `data`, `pagination`, `links`."""
        return await self._list(**{**(filters or {}), **more})

    async def create(self, fields: Mapping[str, Any]) -> Json:
        """Create a resource and return it."""
        found: Json = await self._data("POST", "", camel(fields))
        return found

    async def get(self, identifier: str) -> Json:
        """Get the present resource."""
        found: Json = await self._data("GET", f"/{segment(identifier)}")
        return found

    async def update(self, identifier: str, fields: Mapping[str, Any]) -> Json:
        """Change the given fields and return the changed resource."""
        found: Json = await self._data("PUT", f"/{segment(identifier)}", camel(fields))
        return found

    async def delete(self, identifier: str) -> Json:
        """Delete a resource."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}")
        return found


class Tasks(_Resource):
    """Tasks: create, find, change, watch."""

    path = "/tasks"

    async def create(self, fields: Mapping[str, Any]) -> Json:
        """Create a task. A request that is repeated after a lost answer does not create a second one."""
        found: Json = await self._data("POST", "", camel(fields), once=True)
        return found

    async def get(self, identifier: str, include: list[str] | None = None) -> Json:
        """Get the present task. `include` can name comments, files, history and metrics."""
        found: Json = await self._data("GET", f"/{segment(identifier)}{query_of({'include': include})}")
        return found

    async def update(self, identifier: str, fields: Mapping[str, Any]) -> Json:
        """Change the given fields, such as `status`, and return the changed task."""
        found: Json = await self._data("PATCH", f"/{segment(identifier)}", camel(fields))
        return found

    async def delete(self, identifier: str, reason: str | None = None) -> Json:
        """Delete a task. Yardmaster tells the agent that works on it to stop."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}{query_of({'reason': reason})}")
        return found

    async def assign(self, identifier: str, agent_id: str, **fields: Any) -> Json:
        """Assign a task to an agent."""
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
        """Iterate over a task's updates: `{"type": "progress", "progress": 0.4, "task": ...}`, then at the end
        `completed`, or `error` with the reason of the failure or the cancellation.

        The first update is the present task. A broken connection is opened again.
        """
        return watch(self._transport.base_url, self._transport.headers, identifier, lambda: self.get(identifier))


class Agents(_Resource):
    """Agents, which do tasks."""

    path = "/agents"

    async def enable(self, identifier: str) -> Json:
        """Enable an agent: it gets new tasks again."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/enable")
        return found

    async def disable(self, identifier: str, reason: str | None = None) -> Json:
        """Disable an agent: it gets no new tasks, and finishes those that it has."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/disable", {"reason": reason} if reason else {})
        return found

    async def tasks(self, identifier: str, **filters: Any) -> Json:
        """Get a page of an agent's tasks."""
        return await self._list(f"/{segment(identifier)}/tasks", **filters)

    async def metrics(self, identifier: str) -> Json:
        """Get an agent's metrics."""
        found: Json = await self._data("GET", f"/{segment(identifier)}/metrics")
        return found


class Projects(_Resource):
    """Projects, their members and tasks."""

    path = "/projects"

    async def tasks(self, identifier: str, **filters: Any) -> Json:
        """Get a page of a project's tasks."""
        return await self._list(f"/{segment(identifier)}/tasks", **filters)

    async def add_member(self, identifier: str, user_id: str, role: str, permissions: list[str] | None = None) -> Json:
        """Add a user to a project."""
        body = {"userId": user_id, "role": role} | ({"permissions": permissions} if permissions is not None else {})
        found: Json = await self._data("POST", f"/{segment(identifier)}/members", body)
        return found

    async def remove_member(self, identifier: str, user_id: str) -> Json:
        """Remove a user from a project."""
        found: Json = await self._data("DELETE", f"/{segment(identifier)}/members/{segment(user_id)}")
        return found


class Users(_Resource):
    """Users, and the caller's own user."""

    path = "/users"

    async def me(self) -> Json:
        """Get the user that the credential belongs to."""
        found: Json = await self._data("GET", "/me")
        return found

    async def notifications(self, **filters: Any) -> Json:
        """Get a page of the caller's notifications."""
        return await self._list("/me/notifications", **filters)


class System(_Resource):
    """The service's health and metrics."""

    path = "/system"

    async def health(self) -> Json:
        """Get the health check; `status` is `healthy` if all parts work."""
        found: Json = await self._data("GET", "/health")
        return found

    async def metrics(self) -> Json:
        """Get the org's metrics."""
        found: Json = await self._data("GET", "/metrics")
        return found


class Webhooks(_Resource):
    """Webhooks: URLs to which the service posts events."""

    path = "/webhooks"

    async def test(self, identifier: str) -> Json:
        """Let the service post a test event."""
        found: Json = await self._data("POST", f"/{segment(identifier)}/test")
        return found

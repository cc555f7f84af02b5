"""Servers: register, list, take out of rotation (task-processing.md, "Servers"). The role admin is required, but a
server may send its own heartbeat."""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from chalicelib import clock
from chalicelib.apis.processing.access import NAME
from chalicelib.apis.processing.states import ServerStatus, server_status
from chalicelib.apis.processing.tasks import Word
from chalicelib.domain.tasks.worker import Health, Heartbeat, Worker
from chalicelib.domain.url_masking import mask_url
from chalicelib.edge import SECRET, Caller, CamelSchema, Created, Routes
from chalicelib.engine.statistics import daily
from chalicelib.engine.workers import commands, registration, registry
from chalicelib.engine.workers.registration import Registration
from chalicelib.errors import Forbidden

routes = Routes("/api/servers", tag="Servers", role="admin")

KIND = "Server"
ServerId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Figure = Annotated[float, Field(strict=True)]
CommandId = Annotated[str, StringConstraints(max_length=64, pattern=r"^(drain|task_[a-z0-9]+:[0-9]+)$")]


class Endpoints(CamelSchema):
    """Where the server listens."""

    predict: Url = Field(description="Tasks are POSTed here.", examples=["https://server1.example.com/predict"])
    health: Url | None = Field(default=None, examples=["https://server1.example.com/health"])
    metrics: Url | None = Field(default=None, examples=["https://server1.example.com/metrics"])

    @classmethod
    def from_worker(cls, worker: Worker) -> "Endpoints":
        """The worker's endpoints with the values of their queries masked, which may be secrets."""
        return cls(**{name: mask_url(url) for name, url in worker.endpoints.items()})


class ServerIn(CamelSchema):
    """A server to register."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=128)] = Field(examples=["gpu-server-01"])
    endpoints: Endpoints
    api_key: Annotated[str, SECRET, StringConstraints(min_length=1, max_length=512, pattern=r"^[\x21-\x7e]+$")] = Field(
        description="Sent to the server with each task. The server may report with it. No answer contains it.",
        examples=["server-api-key"],
    )
    max_concurrent: int = Field(default=1, ge=1, le=500, strict=True, examples=[10])
    capabilities: list[Word] = Field(default=[], max_length=64, examples=[["video", "image"]])
    groups: list[Word] = Field(default=[], max_length=64, examples=[["production"]])
    priority: int = Field(default=1, ge=1, le=100, strict=True, description="Its weight in balancing.", examples=[1])


class ServerRegistered(CamelSchema):
    """A server that was registered."""

    server_id: str = Field(examples=["server_xyz789"])
    message: str = Field(examples=["Server registered successfully"])


class ServerOut(CamelSchema):
    """A registered server. Instants are epoch milliseconds, `uptime` and `timeSinceLastHeartbeat` milliseconds."""

    id: str = Field(examples=["server_xyz789"])
    name: str
    status: ServerStatus
    registered_at: int
    last_heartbeat: int
    uptime: int = Field(description="Time since registration.")
    time_since_last_heartbeat: int
    groups: list[str]
    priority: int
    capabilities: list[str]
    max_concurrent: int
    active_tasks: int
    endpoints: Endpoints = Field(description="Its URLs. The values of queries are shown as ***.")

    @classmethod
    def from_worker(cls, worker: Worker) -> "ServerOut":
        now = clock.now()
        return cls(
            id=worker.id,
            name=worker.name,
            status=server_status(worker),
            registered_at=worker.registered_at,
            last_heartbeat=worker.last_heartbeat_at,
            uptime=now - worker.registered_at,
            time_since_last_heartbeat=now - worker.last_heartbeat_at,
            groups=list(worker.groups),
            priority=worker.weight,
            capabilities=list(worker.capabilities),
            max_concurrent=worker.max_concurrent,
            active_tasks=len(worker.leases),
            endpoints=Endpoints.from_worker(worker),
        )


class ServerList(CamelSchema):
    """The registered servers, oldest first."""

    servers: list[ServerOut]


class HeartbeatIn(CamelSchema):
    """A server's report of its own state."""

    status: Literal["healthy", "degraded", "unhealthy"] = "healthy"
    active_tasks: int | None = Field(default=None, ge=0, le=1_000_000, strict=True, examples=[3])
    metrics: dict[Word, Figure] | None = Field(
        default=None, max_length=50, examples=[{"cpu": 45, "memory": 60, "gpu": 80}]
    )
    receipts: list[CommandId] = Field(
        default=[], max_length=100, description="Ids of the commands that the server has carried out."
    )


class Command(CamelSchema):
    """A command to the server. It is repeated until its id comes back in `receipts`, for at most 15 minutes."""

    id: str
    type: Literal["cancel", "drain"]
    task_id: str | None = None
    attempt: int | None = None


class HeartbeatOut(CamelSchema):
    """A heartbeat that was recorded."""

    message: str = "Heartbeat received"
    server_id: str
    status: ServerStatus
    commands: list[Command]


class ServerMessage(CamelSchema):
    """A change of a server that was made."""

    message: str
    server_id: str = Field(examples=["server_xyz789"])


class MaintenanceIn(CamelSchema):
    """Out of rotation, or back in."""

    maintenance: bool = Field(strict=True)
    reason: Annotated[str, StringConstraints(max_length=500)] | None = None


class MaintenanceOut(ServerMessage):
    """A server's rotation after the change."""

    status: ServerStatus
    reason: str | None = None


class Metrics(CamelSchema):
    """A server's figures since it registered. Times are milliseconds; the load is a share of maxConcurrent."""

    uptime: int = Field(examples=[3600000])
    tasks_processed: int = Field(examples=[150])
    success_count: int = Field(examples=[147])
    failure_count: int = Field(examples=[3])
    average_processing_time: int = Field(examples=[45000])
    current_load: float = Field(examples=[0.6])


class ServerMetrics(CamelSchema):
    """A server and its figures."""

    server_id: str
    metrics: Metrics


@routes.post("", status=201, limit="server_registration", errors=[409])
def register_server(caller: Caller, body: ServerIn) -> Created[ServerRegistered]:
    """Register a server.

    Each URL belongs to one server. Registering the same `endpoints.predict` with the same `apiKey` again updates that
    server and sets it online. With another `apiKey` the request is refused, and the error names the server that has the
    URL.
    """
    worker, is_known = registration.register_or_rejoin(caller.org, _registration(body, caller.plan), KIND)
    message = "Server was registered already and is updated" if is_known else "Server registered successfully"
    registered = ServerRegistered(server_id=worker.id, message=message)
    return Created(registered, location=f"/api/servers/{worker.id}/metrics")


def _registration(body: ServerIn, plan: str) -> Registration:
    return Registration(
        pool=NAME,
        id_prefix="server",
        name=body.name,
        max_concurrent=body.max_concurrent,
        weight=body.priority,
        capabilities=tuple(body.capabilities),
        groups=tuple(body.groups),
        endpoints=body.endpoints.model_dump(exclude_none=True),
        api_key=body.api_key,
        callback_path="/api/task/{task_id}?serverId={worker_id}&lease={lease}",
        plan=plan,
    )


@routes.get("")
def list_servers(caller: Caller, status: ServerStatus | None = None, group: str | None = None) -> ServerList:
    """List all registered servers. A server must match all filters."""
    workers = [worker for worker in registry.list_workers(caller.org, NAME) if group is None or group in worker.groups]
    shown = [worker for worker in workers if status in (None, server_status(worker))]
    return ServerList(servers=[ServerOut.from_worker(worker) for worker in shown])


@routes.post("/{id}/heartbeat", role=("server", "admin"))
def server_heartbeat(caller: Caller, id: ServerId, body: HeartbeatIn) -> HeartbeatOut:
    """Record a server's heartbeat and state. The answer contains the commands for it."""
    if caller.role == "server" and caller.subject != id:
        raise Forbidden(f"Server {caller.subject} may not send the heartbeat of server {id}")
    worker = registry.record_heartbeat(caller.org, NAME, id, _heartbeat(body), KIND)
    pending = [Command(**command) for command in commands.pending_commands(worker)]
    return HeartbeatOut(server_id=id, status=server_status(worker), commands=pending)


def _heartbeat(body: HeartbeatIn) -> Heartbeat:
    reported: dict[str, Any] = body.model_dump(include={"active_tasks", "metrics"}, exclude_none=True)
    receipts = dict.fromkeys(name for name in body.receipts if name != "drain")
    return Heartbeat(Health(body.status), reported or None, tuple(receipts))


@routes.delete("/{id}")
def unregister_server(caller: Caller, id: ServerId) -> ServerMessage:
    """Remove a server. Its tasks are queued again, and no attempt is counted."""
    registry.unregister(caller.org, NAME, id, KIND)
    return ServerMessage(message="Server unregistered", server_id=id)


@routes.post("/{id}/maintenance")
def set_maintenance(caller: Caller, id: ServerId, body: MaintenanceIn) -> MaintenanceOut:
    """Take a server out of rotation, or put it back. Its running tasks finish."""
    worker = registry.set_maintenance(caller.org, NAME, id, body.maintenance, body.reason, KIND)
    message = f"Maintenance mode {'enabled' if body.maintenance else 'disabled'}"
    return MaintenanceOut(message=message, server_id=id, status=server_status(worker), reason=worker.maintenance_reason)


@routes.get("/{id}/metrics")
def server_metrics(caller: Caller, id: ServerId) -> ServerMetrics:
    """Get a server's figures since it registered."""
    worker = registry.get(caller.org, NAME, id, KIND)
    counts = daily.read_worker_lifetime(caller.org, NAME, id)
    metrics = Metrics(
        uptime=clock.now() - worker.registered_at,
        tasks_processed=counts.processed,
        success_count=counts["completed"],
        failure_count=counts.failures,
        average_processing_time=counts.average_ms,
        current_load=round(len(worker.leases) / worker.max_concurrent, 4),
    )
    return ServerMetrics(server_id=id, metrics=metrics)

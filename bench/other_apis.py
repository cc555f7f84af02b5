"""AWS calls of requests to the coordinator and the support API, and of handing a task over by POST and by WebSocket,
counted on moto in a process that has already served one of each. Frames to a WebSocket count as calls."""

from collections.abc import Callable, Mapping
from typing import Any

from bench import requests
from bench.measure import Figure, Section, at_most, equal_to, silence
from bench.requests import event
from chalicelib.apis.coordinator import api as coordinator
from chalicelib.edge import Api, mount
from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal
from chalicelib.storage.aws import websocket_api
from tests.support import aws
from tests.support.world import ORG, World, new_world

WORKER = {"name": "one", "type": "general", "capabilities": [], "metadata": {"max_concurrent": 10}}
TASK = {"name": "one", "type": "general", "payload": {"n": 1}}


def measure() -> Section:
    with new_world() as world, silence():
        figures = [*_coordinator(world), *_support()]
    with new_world() as world, silence():
        figures += _hand_over(world)
    return Section("AWS calls of the other APIs", __doc__, figures)


def _requester(api: Api) -> Callable[..., Any]:
    app, headers = mount(api), {"Authorization": "Bearer " + authentication.issue_token(_caller(), 86_400)}

    def ask(method: str, path: str, body: Any = None, **more: Any) -> Any:
        return requests.read_body(app(event(method, path, body, headers=headers, **more), None))

    return ask


def _caller() -> Principal:
    return Principal(ORG, "bench", "admin", "enterprise")


def _count(work: Callable[[], Any]) -> int:
    with aws.counting() as calls:
        work()
    return calls.total()


def _coordinator(world: World) -> list[Figure]:
    ask = _requester(coordinator)
    worker = ask("POST", "/api/workers", WORKER)["id"]
    tasks = [ask("POST", "/api/tasks", TASK)["id"] for _ in range(30)]
    for task_id in tasks[:2]:
        ask("PUT", "/api/tasks/{task_id}/assign", query={"worker_id": worker}, task_id=task_id)
    world.settle()
    ask("GET", "/api/tasks")
    budgeted: Mapping[str, Callable[[], Any]] = {
        "submit": lambda: ask("POST", "/api/tasks", TASK),
        "get": lambda: ask("GET", "/api/tasks/{task_id}", task_id=tasks[0]),
        "heartbeat": lambda: ask("POST", "/api/workers/{worker_id}/heartbeat", worker_id=worker),
        "list page of tasks": lambda: ask("GET", "/api/tasks"),
        "list page of tasks, one status": lambda: ask("GET", "/api/tasks", query={"status": "pending"}),
    }
    figures = [equal_to(f"coordinator: {name}", _count(work), 2, "calls") for name, work in budgeted.items()]
    complete_calls = _count(
        lambda: ask("PUT", "/api/tasks/{task_id}/complete", {"result": {"n": 2}}, task_id=tasks[0]),
    )
    return [*figures, Figure("coordinator: complete, which reads the task's holder", f"{complete_calls} calls")]


def _support() -> list[Figure]:
    from chalicelib.apis.support import api as support

    ask = _requester(support)
    task_id = ask("POST", "/task", {"type": "shout", "data": {"text": "a"}})["task_id"]
    submit_calls = _count(lambda: ask("POST", "/task", {"type": "shout", "data": {"text": "b"}}))
    return [
        Figure("support: submit, which reads the position in the queue", f"{submit_calls} calls"),
        equal_to("support: get", _count(lambda: ask("GET", "/task/{task_id}", task_id=task_id)), 2, "calls"),
    ]


class _CountingGateway:
    """A WebSocket gateway that accepts every frame and counts them."""

    def __init__(self) -> None:
        self.frames = 0

    def post(self, _: str, __: str) -> None:
        self.frames += 1

    def close(self, _: str) -> None: ...


def _hand_over(world: World) -> list[Figure]:
    gateway = _CountingGateway()
    websocket_api.use_sockets(gateway)
    try:
        push, socket = _count_push(world), _count_socket(world, gateway)
    finally:
        websocket_api.use_sockets(None)
    return [
        Figure("hand-over by POST", f"{push} calls"),
        at_most("hand-over by WebSocket, more than by POST", socket - push, 2, "calls"),
    ]


def _count_push(world: World) -> int:
    world.register(max_concurrent=5)
    world.settle()
    return _count_delivery(world)


def _count_socket(world: World, gateway: _CountingGateway) -> int:
    from chalicelib.engine.workers import registration, registry
    from chalicelib.engine.workers import websocket_workers as engine
    from chalicelib.engine.workers.registration import Registration
    from chalicelib.storage.connections.connections import Connection
    from tests.support.world import POOL

    registry.unregister(ORG, POOL, world.workers()[0].id)
    world.settle()
    registration.register(
        ORG, Registration(pool=POOL, id_prefix="worker", name="w", max_concurrent=5, id="w", socket=True)
    )
    engine.connect(Connection("c", ORG, "support.worker", POOL, "w"))
    world.settle()
    before = gateway.frames
    return _count_delivery(world) + gateway.frames - before


def _count_delivery(world: World) -> int:
    """Count the AWS calls that hand one task over."""
    world.submit()
    world.relay("tasks")
    world.handle("dispatch")
    world.relay("tasks")
    return _count(lambda: world.handle("deliver"))

"""A day of the whole deployment, scene by scene: each function does everything that it may have to do."""

import json
from typing import Any

from chalicelib.apis import coordinator, processing, projects, support
from chalicelib.apis.task_feed_frames import frame_builders
from chalicelib.config import settings
from chalicelib.engine.changes import relay
from chalicelib.engine.tasks import lifecycle as tasks_engine
from chalicelib.functions import schedules, streams
from chalicelib.storage.aws import sqs
from chalicelib.storage.aws.sqs import Message
from tests.infra import (
    accounts_day,
    agents_day,
    attachments_day,
    chat_day,
    code_day,
    content_tasks_day,
    contents_day,
    conversations_day,
    hooks_day,
    logs_day,
    messenger_day,
    models_day,
    onlookers_day,
    orchestrator_day,
    projects_day,
    recognition_day,
    settings_day,
    sign_in_day,
    social_day,
    studio_day,
    studio_settings_day,
    subtasks_day,
    surveys_day,
    webhooks_day,
    workspaces_day,
)
from tests.infra.calls import Watch
from tests.infra.clients import Client, ClientConnection, wait
from tests.support import aws
from tests.support.world import ORG, World, answer

LARGE = {"text": "x" * 150_000}


def run(watch: Watch, world: World) -> None:
    """The day."""
    world.frame_builders = frame_builders
    client = Client(watch, processing.api)
    work(client, world)
    look(client, register(client, world, "watched", answer(202)))
    lose(client, world)
    serve_customers(watch, world)
    manage(world)
    attachments_day.attach(Client(watch, projects.api), world)
    models_day.run(watch, world)
    recognition_day.run(watch, world)
    park(world)
    pass_hour(world)
    coordinate(Client(watch, coordinator.api), world)
    pass_hour(world)
    accounts_day.run(watch, world)
    projects_day.run(watch, world)
    webhooks_day.run(watch, world)
    messenger_day.run(watch, world)
    onlookers_day.run(watch, world)
    surveys_day.run(watch, world)
    conversations_day.run(watch, world)
    code_day.run(watch, world)
    settings_day.run(watch, world)
    logs_day.run(watch, world)
    studio_day.run(watch, world)
    sign_in_day.run(watch, world)
    social_day.run(watch, world)
    content_tasks_day.run(watch, world)
    studio_settings_day.run(watch, world)
    subtasks_day.run(watch, world)
    orchestrator_day.run(watch, world)
    agents_day.run(watch, world)
    chat_day.run(watch, world)
    workspaces_day.run(watch, world)
    hooks_day.run(watch, world)
    contents_day.run(watch, world)
    schedules.handle_gauges()
    schedules.handle_hourly_rollup()
    world.clock.advance(86_400)
    schedules.handle_daily_rollup()
    schedules.handle_stuck_report()
    # Nobody watched for a day.
    world.clock.advance(86_400)
    ClientConnection(watch, world, "/tasks/updates")


SERVER, TASK, BALANCER = "/api/servers/{id}", "/api/task/{id}", "/api/stats/load-balancer"
WORKER, JOB = "/api/workers/{worker_id}", "/api/tasks/{task_id}"


def serve(world: World, name: str, reply: Any) -> None:
    """The server is healthy, and answers tasks so."""
    world.servers[f"{name}.example"] = lambda url, *_: answer(200) if url.endswith("/health") else reply


def pass_hour(world: World) -> None:
    world.clock.advance(3600 - world.clock.now() / 1000 % 3600)


def register(client: Client, world: World, name: str, reply: Any) -> str:
    serve(world, name, reply)
    url = f"https://{name}.example"
    endpoints = {"predict": f"{url}/predict", "health": f"{url}/health"}
    said = {"name": name, "endpoints": endpoints, "apiKey": f"key-{name}", "maxConcurrent": 50}
    return str(client("POST", "/api/servers", said)["serverId"])


def submit(client: Client, **said: Any) -> str:
    return str(client("POST", "/api/task", {"type": "t", "priority": 1, "async": True} | said)["id"])


def work(client: Client, world: World) -> None:
    """Tasks that succeed, fail and are turned away; large values; reports; retries; cancellation."""
    good = register(client, world, "good", answer(200, LARGE))
    done = submit(client, payload=LARGE)
    world.settle()
    client("POST", f"{BALANCER}/algorithm", {"algorithm": "least-connections"})
    assert client("GET", TASK, id=done)["result"] == LARGE
    client("POST", f"{SERVER}/heartbeat", {"status": "healthy"}, key="key-good", id=good)
    for reply in (answer(500), answer(429, Retry_After="5"), answer(202)):
        serve(world, "good", reply)
        submit(client)
        world.advance(30)
    held = submit(client)
    world.settle()
    client("PUT", TASK, {"status": "COMPLETED", "result": LARGE}, id=held)
    failed = submit(client, maxAttempts=1)
    world.settle()
    client("PUT", TASK, {"status": "FAILED", "error": "no", "retryable": False}, id=failed)
    client("POST", f"{TASK}/retry", id=failed)
    client("POST", f"{TASK}/cancel", id=failed)
    world.settle()


def look(client: Client, server: str) -> None:
    """Everything that only reads."""
    client("GET", "/api/servers")
    client("GET", "/api/tasks", query={"status": "COMPLETED"})
    client("GET", f"{SERVER}/metrics", id=server)
    client("GET", "/api/stats/tasks")
    client("GET", "/api/stats/hourly")
    client("GET", "/api/stats/servers/{id}", id=server)
    client("GET", BALANCER)


def lose(client: Client, world: World) -> None:
    """Workers that die and workers that leave, found by the wakeup and, when that is lost, by the sweep."""
    for lost in (False, True):
        name = f"leaver{lost}".lower()
        leaver = register(client, world, name, answer(202))
        for _ in range(3):
            submit(client)
        world.settle()
        client("POST", f"{SERVER}/maintenance", {"maintenance": True}, id=leaver)
        client("DELETE", SERVER, id=leaver)
        world.relay("workers", limit=1000)
        if lost:
            world.queues.queues[settings().wakeups_queue].clear()
        world.settle()
        world.advance(120)
    del world.servers["good.example"]
    world.advance(600)


def serve_customers(watch: Watch, world: World) -> None:
    """The support API: tasks performed here and by connected workers, while somebody watches."""
    client = Client(watch, support.api)
    watchers = [ClientConnection(watch, world, "/tasks/updates") for _ in range(2)]
    perform(client, world)
    connect_worker(client, watch, world)
    world.sockets.drop(watchers[0].id)
    client("POST", "/task", {"type": "nobody", "data": {}})
    world.settle()
    watchers[1].say("ping")
    watchers[1].leave()
    ClientConnection(watch, world, "/tasks/updates", since="1").leave()


def perform(client: Client, world: World) -> None:
    """Tasks that the world performs itself, and everything about them that can be looked at."""
    data = {"text": "Great customer service experience!", "channel": "chat"}
    done = client("POST", "/task", {"type": "sentiment_analysis", "data": data})["task_id"]
    world.settle()
    assert client("GET", "/task/{task_id}", task_id=done)["result"]["sentiment"] == "positive"
    for route in ("/workers", "/health", "/metrics", "/channels"):
        world.advance(15)
        client("GET", route)
    # Nothing that the API lets through makes the performer fail.
    world.submit(pool="support", type="sentiment_analysis", payload={}, capabilities=("sentiment_analysis",))
    world.settle()


def connect_worker(client: Client, watch: Watch, world: World) -> None:
    """A worker's socket: tasks over it, silence, a second connection, its end and its return."""
    for max_tasks in (5, 10):
        client("POST", "/workers", {"worker_id": 3, "config": {"max_tasks": max_tasks, "types": ["t"]}})
    line = ClientConnection(watch, world, "/worker/3")
    tasks = [client("POST", "/task", {"type": "t", "data": {}})["task_id"] for _ in range(5)]
    world.settle()
    line.say("progress", task_id=tasks[0], attempt=1, progress=50)
    line.say("result", task_id=tasks[0], attempt=1, result=LARGE)
    line.say("error", task_id=tasks[1], attempt=1, error="no", retryable=False)
    line.say("result", task_id=tasks[0], attempt=7, result={})
    assert client("GET", "/task/{task_id}", task_id=tasks[0])["result"] == LARGE
    world.advance(30)
    line.say("pong")
    tasks_engine.cancel(ORG, tasks[2], pool="support")
    world.settle()
    # Its connection breaks: a new one takes over, and frames of the old one are ignored.
    world.sockets.drop(line.id)
    fresh = ClientConnection(watch, world, "/worker/3")
    line.say("pong")
    world.settle()
    world.sockets.drop(fresh.id)
    client("POST", "/task", {"type": "t", "data": {}})
    world.settle()
    # The updates that it missed are too old to be sent again.
    ClientConnection(watch, world, "/worker/3").leave()
    tasks_engine.cancel(ORG, tasks[3], pool="support")
    wait(world, 1800, awake=True)
    ClientConnection(watch, world, "/worker/3").say("pong")
    for awake in (True, False):
        fall_silent(watch, world, awake)


def fall_silent(watch: Watch, world: World, awake: bool) -> None:
    """Connections that break and that say nothing, found by wakeups or, when those are lost, by the sweep."""
    for broken, seconds in ((True, 60), (False, 180)):
        wait(world, 1800, awake=True)
        line = ClientConnection(watch, world, "/worker/3")
        world.settle()
        if broken:
            world.sockets.drop(line.id)
        wait(world, seconds, awake)


def coordinate(client: Client, world: World) -> None:
    """The coordinator API: workers that fetch, tasks assigned by the client and by the engine."""
    worker = client("POST", "/api/workers", {"name": "one", "type": "captcha", "metadata": {"max_concurrent": 9}})["id"]
    client("GET", "/api/workers")
    client("GET", WORKER, worker_id=worker)
    client("POST", f"{WORKER}/heartbeat", worker_id=worker)
    client("PUT", WORKER, {"status": "online", "metadata": {"note": 1}}, worker_id=worker)
    for success in ("true", "false"):
        client("POST", f"{WORKER}/task/complete", query={"success": success}, worker_id=worker)
    tasks = [create(client, payload=LARGE) for _ in range(4)]
    world.settle()
    for task in tasks[:3]:
        client("PUT", f"{JOB}/assign", query={"worker_id": worker}, task_id=task)
    client("PUT", f"{JOB}/start", task_id=tasks[0])
    client("PUT", f"{JOB}/complete", {"result": LARGE}, task_id=tasks[0])
    client("PUT", f"{JOB}/complete", {"error": "no"}, task_id=tasks[1])
    client("POST", f"{WORKER}/task/complete", worker_id=worker)
    client("DELETE", JOB, task_id=tasks[3])
    assert client("GET", JOB, task_id=tasks[0])["result"] == LARGE
    held = {"status": "running", "worker_id": worker}
    for query in ({}, {"limit": 1}, {"status": "pending"}, {"worker_id": worker, "limit": 1}, held):
        client("GET", "/api/tasks", query=query)
    create(client, auto_assign=True)
    world.settle()
    client("GET", "/api/workers/stats/summary")
    client("GET", "/health")
    client("PUT", WORKER, {"status": "offline"}, worker_id=worker)
    world.settle()
    client("DELETE", WORKER, worker_id=worker)
    for awake in (False, True):
        other = client("POST", "/api/workers", {"name": "two", "type": "captcha"})["id"]
        client("POST", f"{WORKER}/task/complete", worker_id=other)
        client("DELETE", WORKER, worker_id=other)
        wait(world, 180, awake)


def create(client: Client, **said: Any) -> str:
    return str(client("POST", "/api/tasks", {"name": "n", "type": "captcha"} | said)["id"])


def manage(world: World) -> None:
    """A task that is found by what it says, until it says something else."""
    task = world.submit(pool="projects", manual=True, terms=("word=login",))
    world.settle()
    tasks_engine.cancel(ORG, task.id)
    world.settle()


def park(world: World) -> None:
    """Changes that the relay cannot carry out, and one of each kind that it ever relayed tried again by the sweep."""
    broken = {"id": {"S": "broken"}, "kind": {"S": "chore"}}
    for table in ("tasks", "workers", "documents"):
        streams.handle_changes({"Records": [{"dynamodb": {"SequenceNumber": "1", "NewImage": broken}}]}, table)
    changes = [record["dynamodb"] for record in aws.stream_records(settings().tasks_table)]
    images = [
        [relay._without_large_fields(change.get(name)) for name in ("OldImage", "NewImage")] for change in changes
    ]
    for old, new in {json.dumps([_kind(image) for image in pair]): pair for pair in images}.values():
        sqs.client().send(
            settings().parked_queue, [Message({"id": "parked", "table": "tasks", "old": old, "new": new})]
        )
    world.advance(600)


def _kind(image: Any) -> Any:
    """What decides the effects of a change: where a task is, and in which state."""
    return image and [image.get(name) for name in ("pool", "status", "manual", "worker_id")]

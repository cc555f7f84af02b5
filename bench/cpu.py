"""CPU time of `app.app(event, context)`, compared with bare Chalice views (bench/bare.py) that make the same calls with
boto3 and do nothing else. Both run against a stub below botocore, so that serialising, signing and parsing count.
Yardmaster's time includes authentication, rate limit, validation, rules and the line of the access log."""

import time
from collections.abc import Callable
from typing import Any

from bench import requests, stub
from bench.measure import Figure, Section, at_most, measure_in_turn, silence

ROUNDS, REPEATS = 15, 60

Handler = Callable[[Any, Any], Any]


def measure() -> Section:
    stub.install()
    from app import app
    from bench import bare

    with silence():
        figures_by_event = [_figures(name, event, app, bare.app) for name, event in _events(app).items()]
    return Section("CPU for each request", __doc__, [figure for pair in figures_by_event for figure in pair])


def _events(app: Handler) -> dict[str, Any]:
    headers = requests.token()
    server_id = requests.read_body(app(requests.register(headers), None))["serverId"]
    task_id = requests.read_body(app(requests.submit(headers), None))["id"]
    return {
        "POST /api/task": requests.submit(headers),
        "GET /api/task/{id}": requests.get(headers, task_id),
        "POST /api/servers/{id}/heartbeat": requests.heartbeat(headers, server_id),
        "PUT /api/task/{id}, completed": requests.complete(headers, task_id, server_id),
    }


def _figures(name: str, event: Any, ours: Handler, bare: Handler) -> list[Figure]:
    for handler in (ours, bare):
        requests.read_body(handler(event, None))
    our_ms, bare_ms, ratio = measure_in_turn(
        ROUNDS, lambda: _milliseconds(ours, event), lambda: _milliseconds(bare, event)
    )
    return [
        at_most(f"`{name}`", our_ms, 2, "ms"),
        at_most(f"`{name}`, over the bare view's {bare_ms:.2f} ms", ratio, 3, "x"),
    ]


def _milliseconds(handler: Handler, event: Any) -> float:
    start = time.process_time()
    for _ in range(REPEATS):
        handler(event, None)
    return (time.process_time() - start) * 1000 / REPEATS

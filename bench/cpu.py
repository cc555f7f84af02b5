"""CPU time of `app.app(event, context)`, beside bare Chalice views (bench/bare.py) that make the same calls with boto3
and do nothing else. The calls of both end just below botocore, so that serialising, signing and parsing count. Ours
includes credential, limit, validation, rules and the access log's line."""

import time
from collections.abc import Callable
from typing import Any

from bench import requests, stub
from bench.measure import Figure, Section, alternately, at_most, silence

ROUNDS, REPEATS = 15, 60

Handler = Callable[[Any, Any], Any]


def measure() -> Section:
    stub.install()
    from app import app
    from bench import bare

    with silence():
        found = [_figures(name, event, app, bare.app) for name, event in _events(app).items()]
    return Section("CPU for each request", __doc__, [figure for pair in found for figure in pair])


def _events(app: Handler) -> dict[str, Any]:
    headers = requests.token()
    server_id = requests.answered(app(requests.register(headers), None))["serverId"]
    task_id = requests.answered(app(requests.submit(headers), None))["id"]
    return {
        "POST /api/task": requests.submit(headers),
        "GET /api/task/{id}": requests.get(headers, task_id),
        "POST /api/servers/{id}/heartbeat": requests.heartbeat(headers, server_id),
        "PUT /api/task/{id}, completed": requests.complete(headers, task_id, server_id),
    }


def _figures(name: str, event: Any, ours: Handler, bare: Handler) -> list[Figure]:
    for handler in (ours, bare):
        requests.answered(handler(event, None))
    mine, theirs, ratio = alternately(ROUNDS, lambda: _milliseconds(ours, event), lambda: _milliseconds(bare, event))
    return [
        at_most(f"`{name}`", mine, 2, "ms"),
        at_most(f"`{name}`, over the bare view's {theirs:.2f} ms", ratio, 3, "x"),
    ]


def _milliseconds(handler: Handler, event: Any) -> float:
    start = time.process_time()
    for _ in range(REPEATS):
        handler(event, None)
    return (time.process_time() - start) * 1000 / REPEATS

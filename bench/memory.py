"""Peak memory (`ru_maxrss`) of a fresh process that imports app.py as the processing bundle and answers mixed requests.
A stub below botocore with three items replaces DynamoDB."""

import resource
import sys
from collections.abc import Iterator
from typing import Any

from bench import requests, stub
from bench.measure import Section, at_most, silence

REQUESTS = 600
UNIT = 1024 * 1024 if sys.platform == "darwin" else 1024


def measure() -> Section:
    stub.install()
    from app import app

    with silence():
        for event in _events(app):
            answer = app(event, None)
            if answer["statusCode"] >= 500:
                raise RuntimeError(f"answered with {answer}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / UNIT
    return Section("Memory", __doc__, [at_most(f"after {REQUESTS} requests", peak, 160, "MB")])


def _events(app: Any) -> Iterator[Any]:
    headers = requests.token()
    server_id = requests.read_body(app(requests.register(headers), None))["serverId"]
    task_id = requests.read_body(app(requests.submit(headers), None))["id"]
    mixed = [
        requests.submit(headers),
        requests.get(headers, task_id),
        requests.heartbeat(headers, server_id),
        requests.complete(headers, task_id, server_id),
        requests.list_servers(headers),
        requests.event("POST", "/api/task", {"type": "no priority"}, headers=headers),
        requests.get({}, task_id),
        requests.event("GET", "/openapi.json", headers={}),
    ]
    for number in range(REQUESTS):
        yield mixed[number % len(mixed)]

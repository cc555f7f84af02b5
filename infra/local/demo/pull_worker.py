"""A worker of the demo that fetches its tasks from the coordinator API.

`python -m infra.local.demo.pull_worker <url of the coordinator API> <token>` registers the worker, prints its id, and
sends heartbeats between two fetches.
"""

import sys
from http import HTTPStatus
from typing import Any

import requests

from chalicelib import clock

SLOTS = 4
PAUSE_SECONDS = 0.3


def main(url: str, token: str) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    registration = {"name": "pulling", "type": "general", "capabilities": [], "metadata": {"max_concurrent": SLOTS}}
    worker = _call(session, "POST", f"{url}/api/workers", json=registration)["id"]
    print(worker, flush=True)
    while True:
        _call(session, "POST", f"{url}/api/workers/{worker}/heartbeat")
        query = {"worker_id": worker, "status": "assigned", "limit": SLOTS}
        for task in _call(session, "GET", f"{url}/api/tasks", params=query)["tasks"]:
            _work(session, f"{url}/api/tasks/{task['id']}", task)
        clock.sleep(PAUSE_SECONDS)


def _work(session: requests.Session, url: str, task: dict[str, Any]) -> None:
    result = {"doubled": 2 * task["payload"]["number"]}
    try:
        _call(session, "PUT", f"{url}/start")
        _call(session, "PUT", f"{url}/complete", json={"result": result, "error": None})
    except requests.HTTPError as error:
        # The heartbeat was late, as on a busy machine, and the task was queued again.
        if error.response is None or error.response.status_code != HTTPStatus.CONFLICT:
            raise


def _call(session: requests.Session, method: str, url: str, **options: Any) -> Any:
    answer = session.request(method, url, timeout=30, **options)
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A worker of the demo that fetches its tasks: it registers with the coordinator API, beats, and looks what is its.

`python -m infra.local.demo.pull_worker <url of the coordinator API> <token>`; prints its id.
"""

import sys
from http import HTTPStatus
from typing import Any

import requests

from chalicelib import clock

ROOM = 4
PAUSE_SECONDS = 0.3


def main(url: str, token: str) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    said = {"name": "pulling", "type": "general", "capabilities": [], "metadata": {"max_concurrent": ROOM}}
    worker = _call(session, "POST", f"{url}/api/workers", json=said)["id"]
    print(worker, flush=True)
    while True:
        _call(session, "POST", f"{url}/api/workers/{worker}/heartbeat")
        query = {"worker_id": worker, "status": "assigned", "limit": ROOM}
        for task in _call(session, "GET", f"{url}/api/tasks", params=query)["tasks"]:
            _work(session, f"{url}/api/tasks/{task['id']}", task)
        clock.sleep(PAUSE_SECONDS)


def _work(session: requests.Session, url: str, task: dict[str, Any]) -> None:
    result = {"doubled": 2 * task["payload"]["number"]}
    try:
        _call(session, "PUT", f"{url}/start")
        _call(session, "PUT", f"{url}/complete", json={"result": result, "error": None})
    except requests.HTTPError as refused:
        # The beat was late, as on a busy machine, and the task went back: it comes again, here or elsewhere.
        if refused.response is None or refused.response.status_code != HTTPStatus.CONFLICT:
            raise


def _call(session: requests.Session, method: str, url: str, **sent: Any) -> Any:
    answer = session.request(method, url, timeout=30, **sent)
    answer.raise_for_status()
    return answer.json()


if __name__ == "__main__":
    main(*sys.argv[1:])

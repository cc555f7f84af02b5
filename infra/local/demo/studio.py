"""`python -m infra.local.demo.studio`: content from an idea to a published post, with nothing configured.

It starts a stack as a child process on free ports, creates a content task, and has a workflow do it: research from the
given sources, a draft by the bundled language model, a check of its quality, and its HTML. It approves the result as a
person would, and reads the post as anybody can, without a token: by its slug, its tag, its category and in the feed.
The exit status is 0 only if it is everywhere.
"""

import sys
from collections.abc import Mapping
from typing import Any

import requests

from chalicelib import clock
from infra.local.demo.client import Client
from infra.local.demo.processes import stack
from infra.local.demo.report import table

ORG = "demo"
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.3
SOURCES = (
    "Green tea is made from leaves that are heated soon after they are picked. The heat stops the oxidation.",
    "Black tea leaves are rolled and oxidised for hours before they are dried. They hold more caffeine.",
)
TASK = {
    "task_name": "Green tea and black tea",
    "topic": "the difference between green tea and black tea",
    "category": "Drinks",
    "task_metadata": {"length": "short", "tags": ["tea"], "sources": [{"text": text} for text in SOURCES]},
}


class Unfinished(RuntimeError):
    """The workflow ended otherwise than the demo shows, or took too long."""


def main() -> int:
    began_at = clock.now()
    with stack(CMS_ORG=ORG) as urls:
        client = Client(urls["studio"], "user")
        print(f"A stack of its own on {client.url}, ready after {_seconds_since(began_at)}", flush=True)
        began_at = clock.now()
        try:
            post = _publish(client)
            _find_everywhere(client, post["slug"])
        except Unfinished as error:
            print(error)
            return 1
        _show(client, post)
        print(f"from idea to post in {_seconds_since(began_at)}")
        return 0


def _publish(client: Client) -> Mapping[str, Any]:
    """From the idea to the post, as anybody reads it."""
    task_id = client.call("POST", "/api/tasks", TASK)["id"]
    print(f"idea: {TASK['task_name']}")
    body = {"task_id": task_id, "workflow_type": "content_creation"}
    execution = client.call("POST", "/api/orchestrator/process", body)["execution_id"]
    _wait_for(client, task_id, "pending approval", lambda: _approval(client, task_id) == "pending")
    _show_steps(client, execution)
    decision = {"approved": True, "feedback": "Good enough for a demonstration"}
    client.call("POST", f"/api/orchestrator/approve/{task_id}", decision)
    print("approved by a person")
    _wait_for(client, task_id, "published", lambda: _status(client, task_id)["status"] == "completed")
    [published] = [step for step in _steps(client, execution) if step["step_name"] == "publish"]
    post: Mapping[str, Any] = _read(client, published["output"]["url"]).json()
    return post


def _read(client: Client, path: str) -> requests.Response:
    """What anybody gets, without a token."""
    answer = requests.get(client.url + path, timeout=30)
    answer.raise_for_status()
    return answer


def _find_everywhere(client: Client, slug: str) -> None:
    """Raise Unfinished unless the tag, the category and the feed have the post."""
    places = {"tag": "/api/posts?tag=tea", "category": f"/api/posts?category={TASK['category']}", "feed": "/api/rss"}
    missing = [name for name, path in places.items() if slug not in _read(client, path).text]
    if missing:
        raise Unfinished(f"post {slug} is not in its {' and '.join(missing)}")
    print(f"found by its {', '.join(places)}")


def _wait_for(client: Client, task_id: str, what: str, is_reached: Any) -> None:
    """Show each new step until the condition holds. Raises Unfinished."""
    began_at, shown = clock.now(), ""
    while not is_reached():
        status = _status(client, task_id)
        if status["status"] in ("failed", "rejected"):
            raise Unfinished(f"step {status['current_step']}: {status['status']}")
        if clock.now() > began_at + PATIENCE_SECONDS * clock.SECOND:
            raise Unfinished(f"not {what} after {PATIENCE_SECONDS} s, at the step {status['current_step']}")
        if status["current_step"] != shown:
            shown = status["current_step"]
            print(f"  {shown} ...", flush=True)
        clock.sleep(POLL_SECONDS)


def _status(client: Client, task_id: str) -> dict[str, Any]:
    status: dict[str, Any] = client.call("GET", f"/api/orchestrator/status/{task_id}")
    return status


def _approval(client: Client, task_id: str) -> str | None:
    approval: str | None = client.call("GET", f"/api/orchestrator/approval/{task_id}")["approval_status"]
    return approval


def _steps(client: Client, execution: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = client.call("GET", f"/api/workflow/{execution}/details")["steps"]
    return steps


def _show_steps(client: Client, execution: str) -> None:
    rows: list[tuple[object, ...]] = [("step", "ms", "result")]
    for step in _steps(client, execution):
        output = step["output"] or {}
        result = [f"{name} {output[name]}" for name in ("model", "quality_score") if output.get(name) is not None]
        rows.append((step["step_name"], step["duration_ms"] or "", ", ".join(result) or step["status"]))
    print(table(rows))


def _show(client: Client, post: Mapping[str, Any]) -> None:
    """The post, and the figures that it has moved."""
    print(f"post {post['slug']}: {post['title']}")
    print("\n".join(f"  | {line}" for line in post["content"].splitlines()[:6]))
    figures = client.call("GET", "/api/orchestrator/business-metrics-analysis")
    print(f"published in 30 days: {figures['throughput']}; cost for each: {figures['cost_per_output']} dollars")


def _seconds_since(at: int) -> str:
    return f"{(clock.now() - at) / clock.SECOND:.0f} s"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)

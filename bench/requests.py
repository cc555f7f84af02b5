"""The measured requests, as events of API Gateway (REST, proxy event v1) for Lambda."""

import json
from collections.abc import Mapping
from typing import Any

from chalicelib.engine.security import authentication
from chalicelib.engine.security.authentication import Principal

ORG = "bench"
KEY = "api-key-of-a-server"
REGISTRATION = {
    "name": "gpu-server-01",
    "endpoints": {"predict": "https://one.example/predict", "health": "https://one.example/health"},
    "apiKey": KEY,
    "maxConcurrent": 100,
    "capabilities": ["video", "image"],
    "groups": ["production", "gpu"],
    "priority": 2,
}
TASK = {
    "type": "video-processing",
    "priority": 1,
    "payload": {
        "mimeType": "video/mp4",
        "model": "standard",
        "video_quality": "1080p",
        "video_url": "https://example.com/video.mp4",
        "enable_upscale": False,
    },
    "capabilities": ["video"],
    "async": True,
}
RESULT = {"status": "COMPLETED", "result": {"output_url": "https://example.com/processed.mp4", "duration": 120}}
HEARTBEAT = {"status": "healthy", "activeTasks": 3, "metrics": {"cpu": 45, "memory": 60, "gpu": 80}}


def token(role: str = "admin") -> dict[str, str]:
    """The headers of a caller whose plan has rate limits that no measurement reaches."""
    return {
        "Authorization": "Bearer " + authentication.issue_token(Principal(ORG, "bench", role, "enterprise"), 86_400)
    }


def read_body(answer: Any) -> Any:
    """Return the body of a successful answer. Raises RuntimeError for another one."""
    if answer["statusCode"] >= 300:
        raise RuntimeError(f"A request that must succeed was answered with {answer}")
    return json.loads(answer["body"])


def event(
    method: str,
    template: str,
    body: Any = None,
    *,
    headers: Mapping[str, str],
    query: Mapping[str, str] | None = None,
    **values: str,
) -> dict[str, Any]:
    """Build the event of a request to the path `template` with `values` for its variables."""
    sent = {"Content-Type": "application/json", "Host": "localhost", "User-Agent": "bench", **headers}
    return {
        "resource": template,
        "path": template.replace("+}", "}").format(**values),
        "httpMethod": method,
        "headers": sent,
        "multiValueHeaders": {name: [value] for name, value in sent.items()},
        "queryStringParameters": dict(query) if query else None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} if query else None,
        "pathParameters": values or None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": template,
            "httpMethod": method,
            "stage": "api",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": None if body is None else json.dumps(body),
        "isBase64Encoded": False,
    }


def submit(headers: Mapping[str, str]) -> dict[str, Any]:
    return event("POST", "/api/task", TASK, headers=headers)


def get(headers: Mapping[str, str], task_id: str) -> dict[str, Any]:
    return event("GET", "/api/task/{id}", headers=headers, id=task_id)


def complete(headers: Mapping[str, str], task_id: str, server_id: str, epoch: int = 1) -> dict[str, Any]:
    """The report of a result, which a server sends to the callback URL of its task."""
    lease = {"serverId": server_id, "lease": str(epoch)}
    return event("PUT", "/api/task/{id}", RESULT, headers=headers, query=lease, id=task_id)


def register(headers: Mapping[str, str]) -> dict[str, Any]:
    return event("POST", "/api/servers", REGISTRATION, headers=headers)


def heartbeat(headers: Mapping[str, str], server_id: str) -> dict[str, Any]:
    return event("POST", "/api/servers/{id}/heartbeat", HEARTBEAT, headers=headers, id=server_id)


def list_servers(headers: Mapping[str, str]) -> dict[str, Any]:
    return event("GET", "/api/servers", headers=headers)

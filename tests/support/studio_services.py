"""Fake services of the studio, written to their documented wire formats: searches (SearXNG, Brave) and makers of images
(OpenAI, Stable Diffusion's web UI). Each is a reply for `World.servers`; it refuses what the real one would."""

import base64
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.providers.http.outbound import Response
from tests.support.world import World, answer

SEARCH_HOST, BRAVE_HOST, OPENAI_HOST, WEBUI_HOST = (
    "searx.example",
    "api.search.brave.com",
    "pictures.example",
    "webui.example",
)
KEY = "studio-secret-0123456789"
SEARXNG = json.dumps({"provider": "searxng", "url": f"https://{SEARCH_HOST}"})
BRAVE = json.dumps({"provider": "brave", "key": KEY})
OPENAI = json.dumps({"provider": "openai", "url": f"https://{OPENAI_HOST}/v1", "key": KEY, "model": "gpt-image-1"})
WEBUI = json.dumps({"provider": "webui", "url": f"https://{WEBUI_HOST}"})
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
RESULT = "Agents of AI plan their work in 2025 better than the year before. Prices of models fell again."


def start(world: World) -> None:
    """Start all four."""
    world.servers |= {SEARCH_HOST: searxng, BRAVE_HOST: brave, OPENAI_HOST: openai, WEBUI_HOST: webui}


def searxng(url: str, _headers: dict[str, str], _body: bytes) -> Response:
    """`GET /search?format=json`, which an instance has to allow."""
    query = parse_qs(urlsplit(url).query)
    if urlsplit(url).path != "/search" or query["format"] != ["json"]:
        return answer(403)
    name = f"{query['categories'][0]}: {query['q'][0]}"
    result = {"title": name, "url": "https://found.example/1", "content": f"<b>{RESULT}</b>", "engine": "x"}
    return answer(200, {"query": query["q"][0], "number_of_results": 0, "results": [result], "answers": []})


def brave(url: str, headers: dict[str, str], _body: bytes) -> Response:
    """`GET /res/v1/web/search` and `/res/v1/news/search`."""
    if headers.get("x-subscription-token") != KEY:
        return answer(422, {"type": "ErrorResponse", "error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}})
    results = [{"title": "Found", "url": "https://found.example/2", "description": RESULT}]
    if urlsplit(url).path == "/res/v1/news/search":
        return answer(200, {"type": "news", "results": results})
    assert urlsplit(url).path == "/res/v1/web/search"
    return answer(200, {"type": "search", "web": {"type": "search", "results": results}})


def openai(url: str, headers: dict[str, str], body: bytes) -> Response:
    """`POST /v1/images/generations`."""
    request: dict[str, Any] = json.loads(body)
    if headers.get("authorization") != f"Bearer {KEY}":
        return answer(401, {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error"}})
    if not request.keys() <= {"model", "prompt", "n", "size"} or "forbidden" in request["prompt"]:
        return answer(400, {"error": {"message": "refused", "type": "invalid_request_error"}})
    assert urlsplit(url).path == "/v1/images/generations"
    picture = {"b64_json": base64.b64encode(PNG).decode()}
    return answer(200, {"created": 1_700_000_000, "data": [picture] * request["n"]})


def webui(url: str, _headers: dict[str, str], body: bytes) -> Response:
    """`POST /sdapi/v1/txt2img`."""
    request = json.loads(body)
    assert urlsplit(url).path == "/sdapi/v1/txt2img"
    return answer(
        200, {"images": [base64.b64encode(PNG).decode()] * request["batch_size"], "parameters": {}, "info": ""}
    )

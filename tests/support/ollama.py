"""A fake Ollama server beside its chat, written to docs.ollama.com/api: /api/tags, /api/ps and /api/generate."""

import json
from dataclasses import dataclass, field
from typing import Any

from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.world import World

SIZES = {"mistral:latest": 4_113_301_824, "gemma3:4b": 3_338_801_804}
DETAILS = {
    "mistral:latest": {"family": "llama", "parameter_size": "7.2B", "quantization_level": "Q4_0"},
    "gemma3:4b": {"family": "gemma3", "parameter_size": "4.3B", "quantization_level": "Q4_K_M"},
}


@dataclass
class FakeOllama:
    """One server. `fault` is what every request meets, `loaded` the models in memory, the one used last first."""

    world: World
    key: str = ""
    fault: str = ""
    is_slow: bool = False
    """Whether it loads a model for longer than anybody waits."""
    loaded: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> Response:
        request_line = f"{self.world.calls[-1][0]} /{url.split('/', 3)[3]}"
        self.requests.append(request_line)
        match self.fault:
            case "gone" | "silent":
                raise Unreachable("refused" if self.fault == "gone" else "timed out")
            case "broken":
                return _reply(500, {"error": "llama runner process has terminated"})
            case "html":
                return Response(200, {"content-type": "text/html"}, b"<html>Sign in</html>")
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return _reply(401, {"error": "unauthorized"})
        match request_line:
            case "GET /api/tags":
                return _reply(200, {"models": [self._row(name) for name in SIZES]})
            case "GET /api/ps":
                return _reply(200, {"models": [self._row(name) | self._memory(name) for name in self.loaded]})
            case "POST /api/generate":
                return self._generate(json.loads(body))
        return Response(404, {"content-type": "text/plain"}, b"404 page not found")

    def _generate(self, request: Any) -> Response:
        assert request.get("stream") is False, "else the answer has many lines"
        model = request["model"] if ":" in request["model"] else f"{request['model']}:latest"
        if model not in SIZES:
            return _reply(404, {"error": f"model '{request['model']}' not found"})
        if self.is_slow:
            raise Unreachable("timed out")
        self.loaded = [model, *(name for name in self.loaded if name != model)]
        created = {"model": request["model"], "created_at": "2026-01-01T12:00:00Z"}
        return _reply(200, created | {"response": "", "done": True, "done_reason": "load"})

    def _row(self, name: str) -> dict[str, Any]:
        details = {"parent_model": "", "format": "gguf", "families": ["llama"], **DETAILS[name]}
        return {"name": name, "model": name, "size": SIZES[name], "digest": "f" * 64, "details": details}

    def _memory(self, name: str) -> dict[str, Any]:
        return {"expires_at": "2026-01-01T12:05:00Z", "size_vram": SIZES[name], "context_length": 4096}


def _reply(status: int, body: Any) -> Response:
    return Response(status, {"content-type": "application/json; charset=utf-8"}, json.dumps(body).encode())

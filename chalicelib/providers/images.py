"""Makers of images: OpenAI's protocol and that of Stable Diffusion's web UI, as both are documented."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from chalicelib.domain import foreign_json
from chalicelib.errors import InvalidRequest, Unavailable
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Unreachable

MAX_BYTES = 40_000_000
REFUSED = (400, 422)


def make_images(service: Mapping[str, str], prompt: str, count: int, *, seconds: float) -> list[bytes]:
    """So many images of a prompt, as PNG, JPEG or WebP.

    Raises InvalidRequest where the service refuses the prompt, Unavailable where it does not answer as it should.
    """
    make = _openai if service["provider"] == "openai" else _webui
    images = [_decode(text) for text in make(service, prompt, count, seconds)[:count]]
    if not images:
        raise _unavailable("it made no image")
    return images


def _openai(service: Mapping[str, str], prompt: str, count: int, seconds: float) -> list[Any]:
    request: dict[str, Any] = {"model": service["model"], "prompt": prompt, "n": count}
    if service["model"].startswith("dall-e"):
        request["response_format"] = "b64_json"  # the later models have no other, and refuse the parameter
    headers = {"authorization": f"Bearer {service['key']}"} if service.get("key") else {}
    body = _post(f"{service['url'].rstrip('/')}/images/generations", request, headers, seconds)
    return [item.get("b64_json") for item in body.get("data") or () if isinstance(item, dict)]


def _webui(service: Mapping[str, str], prompt: str, count: int, seconds: float) -> list[Any]:
    request = {"prompt": prompt, "batch_size": count, "n_iter": 1}
    return list(_post(f"{service['url'].rstrip('/')}/sdapi/v1/txt2img", request, {}, seconds).get("images") or ())


def _post(url: str, request: Any, headers: Mapping[str, str], seconds: float) -> Any:
    headers = {"content-type": "application/json", **headers}
    body = json.dumps(request).encode()
    try:
        # The operator named this address, so it may be in a private network.
        response = outbound.send(
            "POST", url, headers=headers, body=body, timeout=seconds, cap_bytes=MAX_BYTES, private=True
        )
        answer = foreign_json.parse(response.body)
    except Unreachable as error:
        raise _unavailable(str(error)) from None
    except ValueError:
        raise _unavailable("its answer is no JSON") from None
    if response.status in REFUSED:
        problem = "the service for images refuses it"
        raise InvalidRequest(f"prompt: {problem}", fields={"prompt": problem})
    if response.status != 200 or not isinstance(answer, dict):
        raise _unavailable(f"it answers with {response.status}")
    return answer


def _decode(text: Any) -> bytes:
    """The bytes of an image. A web UI may put a data URL's prefix before it."""
    try:
        content = base64.b64decode(str(text).rpartition(",")[2], validate=True)
    except ValueError:
        content = b""
    if media_type(content) is None:
        raise _unavailable("its answer is no image")
    return content


def media_type(content: bytes) -> str | None:
    """The media type of an image of one of the three formats; None of anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None


def _unavailable(why: str) -> Unavailable:
    return Unavailable(f"The service for images does not answer as it should: {why}. Try again later.")

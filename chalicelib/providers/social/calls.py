"""What requests to all platforms share: the image to upload, forms with a file, and what a refusal means for a post."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

from chalicelib import clock, ids
from chalicelib.domain.social.post import Image, Post
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import NeedsBody, Unreachable
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Undelivered

MAX_IMAGE_BYTES = 5_000_000
IMAGE_SECONDS = 10.0
PREPARE_SECONDS = 20.0
"""No further image is uploaded after this time: all of it fits into the function's."""
MEDIA_TYPES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"GIF8": "image/gif", b"RIFF": "image/webp"}
_GONE_STATUSES = frozenset({404, 410})
_CREDENTIAL_STATUSES = frozenset({401, 403})
MAX_REST_MS = clock.DAY

T = TypeVar("T")


class ImageFile(NamedTuple):
    """The bytes of an image, its media type and what it shows."""

    content: bytes
    media_type: str
    alt_text: str


def call(
    method: str, url: str, headers: Mapping[str, str], body: Any = None, *, needs_body: NeedsBody = outbound.always
) -> ProviderResponse:
    """Make a request to a platform. Raises Undelivered where there is no success."""
    response = provider_requests.send_request(method, url, body, headers, needs_body=needs_body)
    if not response.is_success:
        raise refusal(response)
    return response


def refusal(response: ProviderResponse) -> Undelivered:
    """What a response that is no success means: a limit of the rate and an overload pass, anything else is final."""
    words = _words(response.json)
    if response.status == 429:
        return Undelivered(words or "too many requests", status=429, rest_ms=_rest_ms(response))
    if response.status in _CREDENTIAL_STATUSES:
        hint = "connect the account again if its credentials have expired"
        return Undelivered(f"{words or 'not permitted'}; {hint}", status=response.status, final=True)
    is_final = 300 <= response.status < 500 and response.status != 408
    rest_ms = provider_requests.retry_after_ms(response)
    return Undelivered(words or f"HTTP {response.status}", status=response.status, final=is_final, rest_ms=rest_ms)


def _words(body: Mapping[str, Any]) -> str:
    """The explanation, where each platform puts it."""
    error = body.get("error")
    if isinstance(error, Mapping):
        return provider_requests.text_or_empty(error.get("message"))
    for name in ("detail", "message", "error_description", "error", "title"):
        if words := provider_requests.text_or_empty(body.get(name)):
            return words
    return ""


def _rest_ms(response: ProviderResponse) -> int:
    """How long a platform limits the rate: Retry-After, or the reset as seconds since the epoch."""
    waits = [provider_requests.retry_after_ms(response) or 0]
    for name, value in response.headers.items():
        if name.endswith(("rate-limit-reset", "ratelimit-reset", "24hour-reset")) and value.isdecimal():
            waits.append(int(value[:12]) * clock.SECOND - clock.now())
    return min(max(waits), MAX_REST_MS) or clock.MINUTE


def upload_images(post: Post, upload: Callable[[ImageFile], T]) -> list[T]:
    """Fetch the post's images and upload each. Raises Undelivered; an address without an image is final."""
    until, uploaded = clock.steady() + PREPARE_SECONDS * clock.SECOND, list[T]()
    for image in post.images:
        if clock.steady() > until:
            raise Undelivered("its images took too long to upload")
        uploaded.append(upload(_fetch(image)))
    return uploaded


def _fetch(image: Image) -> ImageFile:
    try:
        response = outbound.send(
            "GET", image.url, headers={}, body=b"", timeout=IMAGE_SECONDS, cap_bytes=MAX_IMAGE_BYTES
        )
    except Unreachable as unreachable:
        is_final = unreachable.reason in ("too large", "invalid", "forbidden address")
        raise Undelivered(f"an image cannot be fetched: {unreachable}", final=is_final) from None
    kind = next((kind for start, kind in MEDIA_TYPES.items() if response.body.startswith(start)), None)
    if response.status != 200 or kind is None:
        is_final = response.status < 500
        raise Undelivered(f"there is no image at the address of one: HTTP {response.status}", final=is_final)
    return ImageFile(response.body, kind, image.alt_text)


def form_with_file(name: str, file: ImageFile, fields: Mapping[str, str]) -> tuple[bytes, str]:
    """A multipart form with one file: its bytes and its content type."""
    boundary = ids.new("boundary")
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields.items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="image"\r\n'
    parts += [f"{head}Content-Type: {file.media_type}\r\n\r\n".encode(), file.content]
    return b"".join([*parts, f"\r\n--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def whole_number(value: Any) -> int | None:
    """A platform's count; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def total(*counts: int | None) -> int | None:
    """The sum of what a platform counts; None where it counts one of them not."""
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object within a response, empty where there is none."""
    return value if isinstance(value, Mapping) else {}


def first(value: Any) -> Mapping[str, Any]:
    """The first JSON object of a list, empty where there is none."""
    return mapping(value[0]) if isinstance(value, list) and value else {}


def text(value: Any) -> str:
    """A text or a number within a response as text, empty where there is neither."""
    return str(value)[:256] if isinstance(value, str | int) and not isinstance(value, bool) else ""


@contextmanager
def gone_is_deleted() -> Iterator[None]:
    """A deletion of what the platform no longer has succeeds. Other refusals are raised."""
    try:
        yield
    except Undelivered as undelivered:
        if undelivered.status not in _GONE_STATUSES:
            raise


def require_text(value: Any) -> str:
    """As `text`. Raises Undelivered where there is none: something other than the platform may have answered."""
    required = text(value)
    if not required:
        raise unexpected_answer()
    return required


def require_mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object within a response. Raises Undelivered, as `require_text`."""
    if not isinstance(value, Mapping):
        raise unexpected_answer()
    return value


def require_rows(value: Any) -> list[Mapping[str, Any]]:
    """A JSON list of objects within a response. Raises Undelivered, as `require_text`."""
    if not isinstance(value, list):
        raise unexpected_answer()
    return [mapping(row) for row in value]


def unexpected_answer() -> Undelivered:
    """A success without what the platform documents."""
    return Undelivered("the answer is not the platform's", final=True)

"""Git servers over HTTP, through the guarded client: fetch a branch, and push one.

dulwich speaks git's protocol; every request goes through chalicelib.providers.http.outbound, which follows no redirect
and connects to public addresses alone.
"""

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chalicelib import clock
from chalicelib.providers.git.errors import InvalidGitData
from chalicelib.providers.git.objects import NewObject
from chalicelib.providers.http import outbound
from chalicelib.providers.http.outbound import Unreachable

if TYPE_CHECKING:
    from dulwich.client import AbstractHttpGitClient
    from dulwich.pack import UnpackedObject

MAX_TRANSFER_BYTES = 48_000_000
"""Of one request or response."""
TOTAL_SECONDS = 20.0
"""All requests of a fetch or a push together: API Gateway waits 29 s for the whole answer."""
GIT_TYPE = "application/x-git-"

Reason = Literal[
    "unreachable", "unauthorized", "forbidden", "missing", "redirect", "failed", "not git", "too large", "refused"
]


class RemoteFailure(Exception):
    """The remote could not be used. `reason` says why in a word, the text in a sentence that may be shown."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


class RemoteAccess(NamedTuple):
    """A git server's address, and the credentials for it."""

    url: str
    username: str | None = None
    password: str | None = None


class Fetched(NamedTuple):
    """What the remote has: the commit of its branch, or None, and a pack of what was missing here, or None."""

    tip: str | None
    pack: bytes | None
    branches: list[str]


RefUpdate = Callable[[str | None], Sequence[NewObject] | None]
"""Given the commit of the remote's branch, returns the objects to send; None when there is nothing to do. It may
raise."""


def fetch(access: RemoteAccess, branch: str, local_commits: Sequence[str]) -> Fetched:
    """Fetch a branch. `local_commits` are those of the workspace, latest first. Two or three requests. Raises
    RemoteFailure."""
    wanted, received = _ref(branch), BytesIO()
    haves = set(local_commits)

    def choose(refs: Mapping[bytes, bytes], **_: Any) -> list[bytes]:
        tip = refs.get(wanted)
        return [] if tip is None or tip.decode() in haves else [tip]

    def receive() -> Any:
        return _client(access).fetch_pack("", choose, _Haves(local_commits), received.write)  # type: ignore[arg-type]

    result = _translated(receive)
    tip = result.refs.get(wanted)
    heads = sorted(name.removeprefix(b"refs/heads/") for name in result.refs if name.startswith(b"refs/heads/"))
    pack = received.getvalue()
    return Fetched(tip.decode() if tip else None, pack or None, [head.decode("utf-8", "replace") for head in heads])


def push(access: RemoteAccess, branch: str, commit: str, decide: RefUpdate) -> None:
    """Make `commit` the remote's branch, unless `decide` says that there is nothing to do. Two requests.

    The remote refuses it when its branch has moved since `decide` was called. Raises RemoteFailure, and what `decide`
    raises.
    """
    ref = _ref(branch)
    objects: list[NewObject] = []

    def update(refs: Mapping[bytes, bytes]) -> dict[bytes, bytes] | None:
        old = refs.get(ref)
        new_objects = decide(old.decode() if old is not None else None)
        if new_objects is None:
            return None
        objects.extend(new_objects)
        return {ref: commit.encode()}

    def generate(*_: Any, **__: Any) -> "tuple[int, Iterator[UnpackedObject]]":
        return len(objects), _unpacked(objects)

    def send() -> Any:
        return _client(access).send_pack("", update, generate)  # type: ignore[arg-type]

    result = _translated(send)
    problem = (result.ref_status or {}).get(ref)
    if problem:
        raise RemoteFailure("refused", f"The remote refused the branch: {problem[:200]}")


def _ref(branch: str) -> bytes:
    return f"refs/heads/{branch}".encode()


def _unpacked(objects: Iterable[NewObject]) -> "Iterator[UnpackedObject]":
    from dulwich.pack import UnpackedObject

    for each in objects:
        yield UnpackedObject(each.kind, sha=bytes.fromhex(each.sha), decomp_chunks=[each.content])


class _Haves:
    """The commits that are here, as dulwich asks for them."""

    shallow: frozenset[bytes] = frozenset()

    def __init__(self, known: Sequence[str]) -> None:
        self._known = iter(known)

    def __next__(self) -> bytes | None:
        commit = next(self._known, None)
        return commit.encode() if commit is not None else None

    def ack(self, _commit: bytes) -> None:
        """The remote has this commit, too."""

    def nak(self) -> None:
        """The remote has none of the last ones."""


def _translated(call: Callable[[], Any]) -> Any:
    """What the call returns. Every error of a remote that does not speak git as it should is a RemoteFailure."""
    from dulwich.client import HTTPUnauthorized
    from dulwich.errors import GitProtocolError, SendPackError

    try:
        return call()
    except SendPackError:
        raise RemoteFailure("refused", "The remote could not read what was sent") from None
    except (GitProtocolError, HTTPUnauthorized, AssertionError, ValueError, KeyError, IndexError, InvalidGitData):
        raise RemoteFailure("not git", "The remote's answer is not git's protocol") from None


def _client(access: RemoteAccess) -> "AbstractHttpGitClient":
    from dulwich.client import AbstractHttpGitClient

    deadline = clock.stopwatch() + TOTAL_SECONDS

    class Client(AbstractHttpGitClient):
        """dulwich's client over the guarded one."""

        def _http_request(self, url: str, headers: Any = None, data: Any = None, raise_for_status: bool = True) -> Any:  # noqa: ARG002 - dulwich names it
            body = b"" if data is None else _gathered([data] if isinstance(data, bytes) else data)
            left = deadline - clock.stopwatch()
            response = _send(
                "GET" if data is None else "POST", url, {**_headers(access), **(headers or {})}, body, left
            )
            return _Received(response.headers.get("content-type")), BytesIO(response.body).read

    return Client(access.url, thin_packs=False, quiet=True)


class _Received:
    """A response as dulwich looks at it; its body is read elsewhere."""

    redirect_location = ""

    def __init__(self, content_type: str | None) -> None:
        self.content_type = content_type

    def close(self) -> None:
        """There is nothing to close: the response is in memory."""


def _gathered(parts: Iterable[bytes]) -> bytes:
    body = bytearray()
    for part in parts:
        body += part
        if len(body) > MAX_TRANSFER_BYTES:
            raise RemoteFailure("too large", f"More than {MAX_TRANSFER_BYTES} bytes would have to be sent at once")
    return bytes(body)


def _headers(access: RemoteAccess) -> dict[str, str]:
    headers = {"User-Agent": "git/yardmaster", "Pragma": "no-cache"}
    if access.username is not None or access.password is not None:
        pair = f"{access.username or ''}:{access.password or ''}"
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> outbound.Response:
    """The remote's answer of git's type. Raises RemoteFailure."""
    try:
        response = outbound.send(
            method, url, headers=headers, body=body, timeout=max(timeout, 1.0), cap_bytes=MAX_TRANSFER_BYTES
        )
    except Unreachable as error:
        if error.reason == "too large":
            raise RemoteFailure("too large", f"The remote sends more than {MAX_TRANSFER_BYTES} bytes at once") from None
        raise RemoteFailure("unreachable", f"The remote cannot be reached: {error}") from None
    if response.status != 200:
        raise _failure(response.status)
    if not response.headers.get("content-type", "").startswith(GIT_TYPE):
        raise RemoteFailure("not git", "The remote's address is not that of a git repository over HTTP")
    return response


def _failure(status: int) -> RemoteFailure:
    if status == 401:
        return RemoteFailure("unauthorized", "The remote does not accept the credentials")
    if status == 403:
        return RemoteFailure("forbidden", "The remote does not allow this with the credentials")
    if status in (404, 410):
        return RemoteFailure(
            "missing", "The remote has no repository at this address, or does not show it without credentials"
        )
    if 300 <= status < 400:
        return RemoteFailure("redirect", "The remote answers with a redirect: use the address to which it leads")
    return RemoteFailure("failed", f"The remote answers with status {status}")

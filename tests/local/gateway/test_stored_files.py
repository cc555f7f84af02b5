"""The links that the world gives out lead somewhere on this machine, too."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import clock
from chalicelib.storage.aws import s3
from infra.local.gateway.stored_files import Objects
from infra.local.stack import stack

HOST = "127.0.0.1:4999"
KEY = "files/acme/task_1/file_1"
CONTENT = b"\x89PNG\r\n\x00"


@pytest.fixture(scope="module")
def objects() -> Iterator[Objects]:
    with stack({}, objects_url=f"http://{HOST}"), ThreadPoolExecutor(1) as pool:
        s3.put_object(KEY, CONTENT, "image/png")
        yield Objects(pool)


def fetch(objects: Objects, url: str, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    parts = urlsplit(url)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "raw_path": parts.path.encode(), "query_string": parts.query.encode()}
    asyncio.run(objects(scope | {"headers": [(b"host", HOST.encode())]}, None, send))  # type: ignore[arg-type]
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_link_leads_to_its_file(objects: Objects) -> None:
    said = "attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe%26.png"
    url = s3.presigned_url(KEY, 300, ResponseContentType="image/png", ResponseContentDisposition=said)
    assert url.startswith(f"http://{HOST}/")
    status, headers, body = fetch(objects, url)
    assert (status, body) == (200, CONTENT)
    assert headers[b"content-type"] == b"image/png"
    assert headers[b"content-disposition"] == said.encode()


def test_a_link_is_good_for_its_time_and_its_file_only(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    url = s3.presigned_url(KEY, 300)
    for wrong in (url.replace("file_1", "file_2"), url + "0", url.replace("Expires=300", "Expires=301"), url[:60]):
        assert fetch(objects, wrong)[0] == 403
    assert fetch(objects, url, "PUT")[0] == 403
    assert fetch(objects, s3.presigned_url("files/none", 300))[0] == 404
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 302 * clock.SECOND)
    assert fetch(objects, url)[0] == 403

"""The links to stored files work on this machine, too."""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from chalicelib import clock
from chalicelib.storage.aws import s3
from infra.local.gateway.stored_files import StoredFiles
from infra.local.stack import stack

HOST = "127.0.0.1:4999"
KEY = "files/acme/task_1/file_1"
CONTENT = b"\x89PNG\r\n\x00"


@pytest.fixture(scope="module")
def objects() -> Iterator[StoredFiles]:
    with stack({}, objects_url=f"http://{HOST}"), ThreadPoolExecutor(1) as pool:
        s3.put_object(KEY, CONTENT, "image/png")
        yield StoredFiles(pool)


def fetch(
    objects: StoredFiles, url: str, method: str = "GET", headers: Mapping[str, str] | None = None, content: bytes = b""
) -> tuple[int, dict[bytes, bytes], bytes]:
    parts = urlsplit(url)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": content}

    scope = {"type": "http", "method": method, "raw_path": parts.path.encode(), "query_string": parts.query.encode()}
    pairs = {"host": HOST, **(headers or {})}.items()
    asyncio.run(objects(scope | {"headers": [(name.encode(), value.encode()) for name, value in pairs]}, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_link_leads_to_its_file(objects: StoredFiles) -> None:
    answer = "attachment; filename*=UTF-8''gr%C3%BC%C3%9Fe%26.png"
    url = s3.presigned_url(KEY, 300, ResponseContentType="image/png", ResponseContentDisposition=answer)
    assert url.startswith(f"http://{HOST}/")
    status, headers, body = fetch(objects, url)
    assert (status, body) == (200, CONTENT)
    assert headers[b"content-type"] == b"image/png"
    assert headers[b"content-disposition"] == answer.encode()


def test_a_link_is_good_for_its_time_and_its_file_only(objects: StoredFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    url = s3.presigned_url(KEY, 300)
    for wrong in (url.replace("file_1", "file_2"), url + "0", url.replace("Expires=300", "Expires=301"), url[:60]):
        assert fetch(objects, wrong)[0] == 403
    assert fetch(objects, url, "PUT")[0] == 403
    assert fetch(objects, s3.presigned_url("files/none", 300))[0] == 404
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now + 302 * clock.SECOND)
    assert fetch(objects, url)[0] == 403


def test_a_link_takes_its_file_and_no_other(objects: StoredFiles) -> None:
    key = "training/acme/models/model_1"
    url, headers = s3.presigned_upload(key, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), 300)
    other = CONTENT[::-1]
    assert fetch(objects, url, "PUT", headers, other)[0] == 400
    assert fetch(objects, url, "PUT", headers | {"content-length": "99"}, CONTENT)[0] == 403
    assert fetch(objects, url, "GET", headers)[0] == 403
    assert s3.find_object(key) is None
    assert fetch(objects, url, "PUT", headers, CONTENT)[0] == 200
    assert s3.find_object(key) == CONTENT

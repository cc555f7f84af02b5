"""Objects in S3."""

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.errors import Unavailable
from chalicelib.storage.aws import s3
from tests.support import aws
from tests.support.world import World


def refusing(status: int, code: str) -> aws.Interference:
    """An S3 that refuses to read objects."""

    def refuse(call: aws.Call, send: Callable[[], Any]) -> Any:
        text = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
        return (status, {"content-type": "application/xml"}, text) if call == ("S3", "GET") else send()

    return refuse


def test_an_object_and_a_part_of_it_are_read(world: World) -> None:
    assert world
    s3.put_object("a", b"0123456789", "text/plain")
    assert s3.find_object("a") == b"0123456789"
    assert s3.find_object("a", 3, 4) == b"3456"
    assert s3.find_object("a", 8, 100) == b"89"


def test_a_missing_object_is_none(world: World) -> None:
    assert world
    assert s3.find_object("nowhere") is None
    with aws.interfering(refusing(403, "AccessDenied")):
        assert s3.find_object("nowhere") is None, "so S3 says it to functions that may not list the bucket"


def test_any_other_refusal_is_unavailable(world: World) -> None:
    assert world
    with aws.interfering(refusing(400, "InvalidRequest")), pytest.raises(Unavailable):
        s3.find_object("a")


def test_objects_are_listed_and_deleted(world: World) -> None:
    assert world
    keys = [f"x/{number:04d}" for number in range(1_003)]
    for key in keys:
        s3.put_object(key, b"", "text/plain")
    s3.put_object("y", b"", "text/plain")
    assert [key for key, _ in s3.list_objects("x/")] == keys
    s3.delete_objects([*keys, "nowhere"])
    assert list(s3.list_objects("x/")) == []
    assert s3.find_object("y") == b""


def test_the_signature_of_an_upload_covers_its_size_and_its_digest(world: World) -> None:
    assert world
    url, headers = s3.presigned_upload("a", 9, "ab" * 32, 60)
    [signed] = parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"]
    assert set(headers) < set(signed.split(";"))
    assert headers == {"content-length": "9", "x-amz-checksum-sha256": base64.b64encode(b"\xab" * 32).decode()}

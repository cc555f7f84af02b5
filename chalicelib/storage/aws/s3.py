"""JSON documents and files that are too large for a DynamoDB item, in S3."""

import base64
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable

EXPIRING = "expiring"
"""Objects with this prefix are deleted by age; others stay until they are deleted by name."""
_MISSING = frozenset({"NoSuchKey", "AccessDenied"})
"""What S3 says of an object that does not exist; the second to functions that may not list the bucket."""
MAX_DELETED = 1000
"""Objects of one call."""


@cache
def _client(endpoint: str = "") -> Any:
    import boto3

    # A URL is signed for its host, and only these settings give the region's host.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        # All tries together take less time than the gateway allows.
        connect_timeout=2,
        read_timeout=5,
        retries={"total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=settings().region, endpoint_url=endpoint or None, config=config)


def reset_clients() -> None:
    """Create the clients again on next use."""
    _client.cache_clear()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Unavailable("The payload store cannot be reached; try again") from error


def store_json(prefix: str, text: str, digest: str) -> str:
    """Store a JSON text; returns its reference, which holds the value's digest: equal values are stored once."""
    key = f"{prefix}/{digest[:32]}.json"
    put_object(key, text.encode(), "application/json")
    return key


def load_json(reference: str) -> Any:
    """The value of a reference."""
    return json.loads(load_object(reference))


def load_object(key: str) -> bytes:
    """The content of an object that exists."""
    with _translated_errors():
        return bytes(_client().get_object(Bucket=settings().payload_bucket, Key=key)["Body"].read())


def put_object(key: str, content: bytes, media_type: str) -> None:
    """Store the content under this key; it replaces an existing object."""
    with _translated_errors():
        _client().put_object(Bucket=settings().payload_bucket, Key=key, Body=content, ContentType=media_type)


def find_object(key: str, start: int = 0, length: int | None = None) -> bytes | None:
    """The object's content, or up to `length` bytes of it from `start` on; None when there is no such object."""
    part = {} if length is None else {"Range": f"bytes={start}-{start + length - 1}"}
    try:
        with _translated_errors():
            answer = _client().get_object(Bucket=settings().payload_bucket, Key=key, **part)
            return bytes(answer["Body"].read())
    except Unavailable as error:
        if isinstance(error.__cause__, ClientError) and error.__cause__.response["Error"]["Code"] in _MISSING:
            return None
        raise


def presigned_url(key: str, seconds: int, **answer: str) -> str:
    """A URL with which anybody can download the object for so many seconds. No call.

    `answer` are headers of the download as S3 names them: ResponseContentType, ResponseContentDisposition.
    """
    parameters = {"Bucket": settings().payload_bucket, "Key": key, **answer}
    client = _client(settings().objects_url)
    return str(client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))


def presigned_upload(key: str, size: int, sha256: str, seconds: int) -> tuple[str, dict[str, str]]:
    """A URL to which anybody can PUT the object for so many seconds, and the headers to send. No call.

    S3 refuses a content that has another size or digest (in hexadecimal).
    """
    checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
    parameters = {
        "Bucket": settings().payload_bucket,
        "Key": key,
        "ContentLength": size,
        "ChecksumSHA256": checksum,
    }
    url = _client(settings().objects_url).generate_presigned_url("put_object", Params=parameters, ExpiresIn=seconds)
    return str(url), {"content-length": str(size), "x-amz-checksum-sha256": checksum}


def delete_object(key: str) -> None:
    """Delete the object, if it exists."""
    with _translated_errors():
        _client().delete_object(Bucket=settings().payload_bucket, Key=key)


def delete_objects(keys: Sequence[str]) -> None:
    """Delete these objects, if they exist. One call for each MAX_DELETED."""
    for start in range(0, len(keys), MAX_DELETED):
        named = [{"Key": key} for key in keys[start : start + MAX_DELETED]]
        with _translated_errors():
            _client().delete_objects(Bucket=settings().payload_bucket, Delete={"Objects": named, "Quiet": True})


def list_objects(prefix: str) -> Iterator[tuple[str, int]]:
    """(key, epoch milliseconds when it was stored) of the objects below a prefix. One call for each thousand."""
    after: dict[str, str] = {}
    while True:
        with _translated_errors():
            listed = _client().list_objects_v2(Bucket=settings().payload_bucket, Prefix=prefix, **after)
        for each in listed.get("Contents", ()):
            yield each["Key"], round(each["LastModified"].timestamp() * 1000)
        if not listed["IsTruncated"]:
            return
        after = {"ContinuationToken": listed["NextContinuationToken"]}


def delete_prefix(prefix: str) -> bool:
    """Delete up to MAX_DELETED objects below a prefix, which ends in "/"; returns whether none is left. Two calls."""
    bucket = settings().payload_bucket
    with _translated_errors():
        listed = _client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=MAX_DELETED)
        keys = [{"Key": each["Key"]} for each in listed.get("Contents", ())]
        answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
    return not (listed["IsTruncated"] or answer.get("Errors"))

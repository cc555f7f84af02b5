"""JSON documents and files that are too large for a DynamoDB item, in S3."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable

EXPIRING = "expiring"
"""Objects with this prefix are deleted by age; others stay until they are deleted by name."""
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
    with _translated_errors():
        body = _client().get_object(Bucket=settings().payload_bucket, Key=reference)["Body"].read()
    return json.loads(body)


def put_object(key: str, content: bytes, media_type: str) -> None:
    """Store the content under this key; it replaces an existing object."""
    with _translated_errors():
        _client().put_object(Bucket=settings().payload_bucket, Key=key, Body=content, ContentType=media_type)


def presigned_url(key: str, seconds: int, **answer: str) -> str:
    """A URL with which anybody can download the object for so many seconds. No call.

    `answer` are headers of the download as S3 names them: ResponseContentType, ResponseContentDisposition.
    """
    parameters = {"Bucket": settings().payload_bucket, "Key": key, **answer}
    client = _client(settings().objects_url)
    return str(client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds))


def delete_object(key: str) -> None:
    """Delete the object, if it exists."""
    with _translated_errors():
        _client().delete_object(Bucket=settings().payload_bucket, Key=key)


def delete_prefix(prefix: str) -> bool:
    """Delete up to MAX_DELETED objects below a prefix, which ends in "/"; returns whether none is left. Two calls."""
    bucket = settings().payload_bucket
    with _translated_errors():
        listed = _client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=MAX_DELETED)
        keys = [{"Key": each["Key"]} for each in listed.get("Contents", ())]
        answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
    return not (listed["IsTruncated"] or answer.get("Errors"))

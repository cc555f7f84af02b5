"""What is too large for an item, in S3: JSON documents and people's files."""

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
"""What lies under it is removed by age; everything else stays until it is removed by name."""
MAX_DELETED = 1000
"""Objects in one call."""


@cache
def _client(endpoint: str = "") -> Any:
    import boto3

    # Links are signed for the host that they name, and only these settings name the region's own.
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "virtual"},
        # All tries together are shorter than the gateway's patience.
        connect_timeout=2,
        read_timeout=5,
        retries={"total_max_attempts": 3},
    )
    return boto3.client("s3", region_name=settings().region, endpoint_url=endpoint or None, config=config)


def reset_clients() -> None:
    """Make the clients anew on next use."""
    _client.cache_clear()


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise Unavailable("The payload store cannot be reached; try again") from error


def store_json(prefix: str, text: str, digest: str) -> str:
    """Keep a JSON text; returns its reference, which holds its value's digest: what is equal is stored once."""
    key = f"{prefix}/{digest[:32]}.json"
    put_object(key, text.encode(), "application/json")
    return key


def load_json(reference: str) -> Any:
    """The document behind a reference."""
    with _translated_errors():
        body = _client().get_object(Bucket=settings().payload_bucket, Key=reference)["Body"].read()
    return json.loads(body)


def put_object(key: str, content: bytes, media_type: str) -> None:
    """Keep the content under this key, in the place of what may be there."""
    with _translated_errors():
        _client().put_object(Bucket=settings().payload_bucket, Key=key, Body=content, ContentType=media_type)


def presigned_url(key: str, seconds: int, **answer: str) -> str:
    """A URL under which anyone may fetch the object for so long. No call.

    `answer` are headers of the answer as S3 names them: ResponseContentType, ResponseContentDisposition.
    """
    asked = {"Bucket": settings().payload_bucket, "Key": key, **answer}
    client = _client(settings().objects_url)
    return str(client.generate_presigned_url("get_object", Params=asked, ExpiresIn=seconds))


def delete_object(key: str) -> None:
    """Remove the object, if it is there."""
    with _translated_errors():
        _client().delete_object(Bucket=settings().payload_bucket, Key=key)


def delete_prefix(prefix: str) -> bool:
    """Remove up to MOST_REMOVED objects below a prefix, which ends in "/"; says whether none is left. Two calls."""
    bucket = settings().payload_bucket
    with _translated_errors():
        found = _client().list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=MAX_DELETED)
        keys = [{"Key": one["Key"]} for one in found.get("Contents", ())]
        answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True}) if keys else {}
    return not (found["IsTruncated"] or answer.get("Errors"))

"""JSON documents too large for an item, in S3."""

import hashlib
import json
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import Unavailable


@cache
def _client() -> Any:
    import boto3

    return boto3.client("s3", region_name=settings().region)


def forget() -> None:
    """Make the client anew on next use."""
    _client.cache_clear()


def store(prefix: str, text: str) -> str:
    """Keep a JSON text; returns its reference, which holds a digest, so that storing twice stores once."""
    data = text.encode()
    key = f"{prefix}/{hashlib.sha256(data).hexdigest()[:32]}.json"
    try:
        _client().put_object(Bucket=settings().payload_bucket, Key=key, Body=data, ContentType="application/json")
    except (ClientError, BotoCoreError) as error:
        raise Unavailable("The payload store cannot be reached; try again") from error
    return key


def load(reference: str) -> Any:
    """The document behind a reference."""
    try:
        body = _client().get_object(Bucket=settings().payload_bucket, Key=reference)["Body"].read()
    except (ClientError, BotoCoreError) as error:
        raise Unavailable("The payload store cannot be reached; try again") from error
    return json.loads(body)

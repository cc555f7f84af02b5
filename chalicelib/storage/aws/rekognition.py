"""Amazon Rekognition's two calls for text and labels. Each is billed by the image."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest, Unavailable

MAX_LABELS = 200
RETRY_AFTER_SECONDS = 2
_REFUSALS = frozenset({"ImageTooLargeException", "InvalidImageFormatException", "InvalidParameterException"})


class RekognitionService:
    """Rekognition itself. Raises Unavailable where it throttles, denies or does not answer, and InvalidRequest for an
    image that it does not take."""

    def __init__(self) -> None:
        config = Config(connect_timeout=1, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})
        self._client = boto3.client("rekognition", region_name=settings().region, config=config)

    def detect_text(self, image: bytes) -> Sequence[Mapping[str, Any]]:
        """`TextDetections` of a PNG or a JPEG: lines and words, a hundred words at most. One call."""
        with _translated_errors():
            return list(self._client.detect_text(Image={"Bytes": image})["TextDetections"])

    def detect_labels(self, image: bytes, min_confidence: float) -> Sequence[Mapping[str, Any]]:
        """`Labels` of a PNG or a JPEG from this confidence on, from 0 to 1. One call."""
        wanted = {"Image": {"Bytes": image}, "MaxLabels": MAX_LABELS, "MinConfidence": min_confidence * 100}
        with _translated_errors():
            return list(self._client.detect_labels(**wanted)["Labels"])


@contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] in _REFUSALS:
            raise InvalidRequest("Amazon Rekognition does not take the image") from error
        raise Unavailable("Amazon Rekognition cannot be reached; try again", retry_after=RETRY_AFTER_SECONDS) from error


@cache
def client() -> RekognitionService:
    """The process's client."""
    return RekognitionService()

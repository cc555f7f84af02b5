"""Rekognition's calls: their requests and errors. moto knows only the form of its answers."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError
from moto import mock_aws

from chalicelib.errors import InvalidRequest, Unavailable
from chalicelib.storage.aws.rekognition import RekognitionService


@pytest.fixture
def service() -> Iterator[RekognitionService]:
    with mock_aws():
        yield RekognitionService()


def test_text_has_lines_and_words_with_their_places(service: RekognitionService) -> None:
    found = service.detect_text(b"an image")
    assert {each["Type"] for each in found} == {"LINE", "WORD"}
    assert all({"Left", "Top", "Width", "Height"} == set(each["Geometry"]["BoundingBox"]) for each in found)


def test_labels_have_names_and_instances(service: RekognitionService) -> None:
    [label] = service.detect_labels(b"an image", 0.5)
    assert {"Name", "Confidence", "Instances", "Parents", "Aliases"} <= set(label)


class Client:
    """Raises the error in every call, and records the arguments."""

    def __init__(self, error: Exception) -> None:
        self._error = error
        self.arguments: dict[str, Any] = {}

    def detect_labels(self, **arguments: Any) -> Any:
        self.arguments = arguments
        raise self._error

    detect_text = detect_labels


@pytest.mark.parametrize(
    ("error", "translated"),
    [
        ("InvalidImageFormatException", InvalidRequest),
        ("ImageTooLargeException", InvalidRequest),
        ("InvalidParameterException", InvalidRequest),
        ("ThrottlingException", Unavailable),
        ("ProvisionedThroughputExceededException", Unavailable),
        ("AccessDeniedException", Unavailable),
        ("InternalServerError", Unavailable),
    ],
)
def test_errors_are_translated(service: RekognitionService, error: str, translated: type[Exception]) -> None:
    service._client = client = Client(ClientError({"Error": {"Code": error, "Message": "secret"}}, "DetectLabels"))
    for call in (lambda: service.detect_labels(b"x", 0.55), lambda: service.detect_text(b"x")):
        with pytest.raises(translated) as caught:
            call()
        assert "secret" not in str(caught.value)
    assert client.arguments["Image"] == {"Bytes": b"x"}


def test_a_service_that_does_not_answer_is_unavailable(service: RekognitionService) -> None:
    service._client = Client(ConnectTimeoutError(endpoint_url="https://x"))
    with pytest.raises(Unavailable) as caught:
        service.detect_labels(b"x", 0.55)
    assert caught.value.retry_after == 2

"""The configured engines."""

from collections.abc import Iterator

import pytest
from moto import mock_aws

from chalicelib import config
from chalicelib.config import Misconfigured
from chalicelib.engine.recognition.engines import recognizer
from chalicelib.providers.recognition import service
from chalicelib.providers.recognition.recognizer import CAPABILITIES
from chalicelib.storage.aws import rekognition


@pytest.fixture
def text_at_aws() -> Iterator[None]:
    before = config.replace(recognition_engines={"ocr": "aws", "detect": "embedded"})
    with mock_aws():
        rekognition.client.cache_clear()
        yield
    rekognition.client.cache_clear()
    config.restore(before)


def test_all_engines_are_embedded_unless_configured() -> None:
    assert [recognizer().solver(each) for each in CAPABILITIES] == [
        "rapidocr",
        "opencv",
        "faster-whisper",
        "nanodet",
        "nanodet",
    ]


def test_a_configured_capability_is_that_of_aws(text_at_aws: None) -> None:
    made = recognizer()
    assert [made.solver(each) for each in ("ocr", "detect", "classify")] == ["rekognition", "nanodet", "nanodet"]


def test_a_text_is_read_by_aws(text_at_aws: None) -> None:
    np = pytest.importorskip("numpy", reason="the extra of requirements-recognition.txt is not installed")
    pytest.importorskip("PIL", reason="the extra of requirements-recognition.txt is not installed")
    text = recognizer().read_text(np.zeros((100, 100, 3), np.uint8))
    assert text.solver == "rekognition"
    assert text.lines  # what they say is moto's own


def test_the_process_makes_it_by_its_path() -> None:
    assert f"{recognizer.__module__}:{recognizer.__name__}" == service.FACTORY


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"ocr": "gpu"}', "gpu is no engine of ocr: write one of embedded, aws"),
        ('{"offset": "aws"}', "aws is no engine of offset: write one of embedded"),
        ('{"ocr2": "aws"}', "ocr2 is no capability: write one of ocr, offset"),
        ("ocr", "RECOGNITION_ENGINES is not a valid JSON object"),
    ],
)
def test_an_engine_that_does_not_exist_stops_the_process(
    monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.setenv("RECOGNITION_ENGINES", text)
    config.reset()
    try:
        with pytest.raises(Misconfigured, match=message):
            config.settings()
    finally:
        monkeypatch.undo()
        config.reset()

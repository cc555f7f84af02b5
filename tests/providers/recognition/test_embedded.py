"""The embedded recogniser: which engine answers, and that each engine is loaded once, on first use."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from chalicelib import config
from chalicelib.providers.recognition import engine, libraries
from chalicelib.providers.recognition.embedded import Embedded
from chalicelib.providers.recognition.recognizer import CAPABILITIES, NotInstalled, UnknownLabel

LIBRARIES = ("numpy", "PIL", "cv2", "onnxruntime", "av", "faster_whisper", "rapidocr")


@pytest.fixture
def no_models(tmp_path: Path) -> Iterator[None]:
    before = config.replace(recognition_models=str(tmp_path))
    yield
    config.restore(before)


def test_an_engine_is_loaded_once_by_many_calls_at_once() -> None:
    loads, ready = [], Barrier(8)
    held = engine.Engine(lambda: loads.append(1) or object())

    def call(_: int) -> object:
        ready.wait()
        with held.turn() as loaded:
            return loaded

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(call, range(8)))) == 1
    assert loads == [1]


def test_a_load_that_fails_is_tried_again() -> None:
    outcomes = iter([NotInstalled("missing"), None])

    def load() -> str:
        if error := next(outcomes):
            raise error
        return "loaded"

    held = engine.Engine(load)
    with pytest.raises(NotInstalled), held.turn():
        pass
    with held.turn() as loaded:
        assert loaded == "loaded"


def test_making_a_recogniser_loads_no_library() -> None:
    code = (
        "import sys; from chalicelib.providers.recognition.embedded import Embedded; recognizer = Embedded(); "
        f"print([name for name in {LIBRARIES} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_missing_library_is_named() -> None:
    with pytest.raises(NotInstalled, match="no_such_library, which is not installed: install requirements-recognition"):
        libraries.load("no_such_library")


def test_a_missing_model_is_named(no_models: None) -> None:
    with pytest.raises(NotInstalled, match=r"nanodet\.onnx.*RECOGNITION_MODELS"):
        engine.model_path("nanodet.onnx")


def test_every_capability_names_its_engine() -> None:
    recognizer = Embedded()
    assert {each: recognizer.solver(each) for each in CAPABILITIES} == {
        "ocr": "rapidocr",
        "offset": "opencv",
        "transcribe": "faster-whisper",
        "detect": "nanodet",
        "classify": "nanodet",
    }


def test_the_labels_of_detection_are_the_eighty_of_coco() -> None:
    labels = Embedded().known_labels("detect")
    assert len(labels) == 80
    assert labels == tuple(sorted(labels))


def test_classification_knows_them_too_and_those_of_imagenet() -> None:
    recognizer = Embedded()
    labels = recognizer.known_labels("classify")
    assert {*recognizer.known_labels("detect"), "volcano", "shark"} <= set(labels)
    assert list(labels) == sorted(set(labels))


@pytest.mark.parametrize(("label", "near"), [("taxi", ("car",)), ("bridge", ()), ("frige", ("refrigerator",))])
def test_a_category_that_is_no_object_is_not_taken_for_a_wrong_spelling(label: str, near: tuple[str, ...]) -> None:
    with pytest.raises(UnknownLabel) as raised:
        Embedded()._object(label)
    assert raised.value.near == near

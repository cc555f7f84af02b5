"""The embedded recogniser on photos: aliases, other labels, and many calls at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL", "cv2", "onnxruntime")

from chalicelib.providers.recognition.embedded import Embedded  # noqa: E402
from chalicelib.providers.recognition.recognizer import UnknownLabel  # noqa: E402
from tests.support.recognition.photos import load  # noqa: E402

RECOGNIZER = Embedded()
PHOTOS = [load(name) for name in ("astronaut.jpg", "cat.jpg", "coffee.jpg")]


@pytest.mark.parametrize(
    ("label", "indices"),
    [
        ("people", [0]),
        ("cats", [1]),
        ("dining table", [2]),
        ("espresso", [2]),
        ("traffic lights", []),
        ("shark", []),
    ],
)
def test_images_that_show_it_are_found(label: str, indices: list[int]) -> None:
    matches = RECOGNIZER.classify(PHOTOS, label)
    assert [match.index for match in matches] == indices
    assert all(0 < match.confidence <= 1 for match in matches)


def test_no_images_have_no_matches() -> None:
    assert RECOGNIZER.classify([], "cat") == []


def test_objects_are_found_by_an_alias() -> None:
    assert [box.label for box in RECOGNIZER.detect(PHOTOS[0], "women")] == ["person"]


def test_an_unknown_label_has_near_ones_of_both() -> None:
    with pytest.raises(UnknownLabel) as caught:
        RECOGNIZER.classify(PHOTOS, "trafic lite")
    assert caught.value.near[0] == "traffic light"
    assert len(set(caught.value.near)) == len(caught.value.near)
    with pytest.raises(UnknownLabel) as caught:
        RECOGNIZER.detect(PHOTOS[0], "volcano")
    assert len(caught.value.known_labels) == 80


def test_twenty_calls_at_once_are_all_right() -> None:
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(lambda _: RECOGNIZER.detect(PHOTOS[0], "person"), range(20)))
    assert len(found[0]) == 1
    assert all(boxes == found[0] for boxes in found)

"""Finding objects in photos."""

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL", "cv2", "onnxruntime")

import numpy as np  # noqa: E402

from chalicelib.providers.recognition import objects  # noqa: E402
from chalicelib.providers.recognition.coco_labels import LABELS  # noqa: E402
from chalicelib.providers.recognition.objects import Objects  # noqa: E402
from tests.support.recognition import photos  # noqa: E402

OBJECTS = Objects()


@pytest.mark.parametrize(
    ("name", "label", "place"),
    [
        ("astronaut.jpg", "person", (190, 250)),
        ("coffee.jpg", "dining table", (250, 170)),
        ("cat.jpg", "cat", (220, 150)),
    ],
)
def test_an_object_is_found_where_it_is(name: str, label: str, place: tuple[int, int]) -> None:
    boxes = OBJECTS.find(photos.load(name), label)
    assert len(boxes) == 1
    [box] = boxes
    assert box.x < place[0] < box.x + box.width
    assert box.y < place[1] < box.y + box.height
    assert box.label == label
    assert 0.4 <= box.confidence <= 1


def test_an_object_that_is_not_there_is_not_found() -> None:
    astronaut = photos.load("astronaut.jpg")
    assert [OBJECTS.find(astronaut, label) for label in ("cat", "traffic light", "pizza")] == [[], [], []]


def test_an_object_is_not_also_what_it_is_less_like() -> None:
    cat = photos.load("cat.jpg")
    assert [OBJECTS.find(cat, "cat") != [], OBJECTS.find(cat, "dog")] == [True, []]


def test_another_label_of_the_same_object_must_be_clearly_better() -> None:
    box, beside = (0.0, 0.0, 100.0, 100.0), (0.0, 60.0, 100.0, 100.0)
    assert objects._is_clearly_other(box, 0.5, box, 0.63)
    assert not objects._is_clearly_other(box, 0.5, box, 0.55)
    assert not objects._is_clearly_other(box, 0.5, beside, 0.9)


def test_two_objects_are_found_the_surer_one_first() -> None:
    astronaut = photos.load("astronaut.jpg")
    boxes = OBJECTS.find(np.hstack([astronaut, astronaut]), "person")
    assert len(boxes) == 2
    assert boxes[0].confidence >= boxes[1].confidence
    assert sorted(box.x // 512 for box in boxes) == [0, 1]


@pytest.mark.parametrize("size", [(1, 1), (1, 16_384), (16_384, 1), (3, 2), (416, 416)])
def test_an_image_of_any_shape_is_answered(size: tuple[int, int]) -> None:
    assert OBJECTS.find(np.full((*size, 3), 128, np.uint8), "person") == []


def test_nothing_is_found_beside_a_narrow_image(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = [1.0 * (label == "person") for label in LABELS]
    candidates = [(-300.0, 10.0, 100.0, 50.0), (0.0, 10.0, 20.0, 50.0)], [scores, scores]
    monkeypatch.setattr(Objects, "_candidates", lambda *_: candidates)
    [box] = OBJECTS.find(np.zeros((400, 20, 3), np.uint8), "person")
    assert (box.x, box.y, box.width, box.height) == (0, 10, 20, 50)


def test_boxes_are_within_the_image() -> None:
    astronaut = photos.load("astronaut.jpg")[100:400, 100:300]
    for label in LABELS[:5]:
        for box in OBJECTS.find(astronaut, label, 0.1):
            assert 0 <= box.x < box.x + box.width <= 200
            assert 0 <= box.y < box.y + box.height <= 300

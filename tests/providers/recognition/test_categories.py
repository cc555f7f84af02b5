"""The category of a whole photo."""

import pytest

from tests.support.recognition.extras import require

require("numpy", "PIL", "cv2", "onnxruntime")

import numpy as np  # noqa: E402

from chalicelib.providers.recognition.categories import MIN_CONFIDENCE, Categories  # noqa: E402
from chalicelib.providers.recognition.recognizer import UnknownLabel  # noqa: E402
from tests.support.recognition import photos  # noqa: E402

CATEGORIES = Categories()


@pytest.mark.parametrize(("name", "label"), [("coffee.jpg", "espresso"), ("cat.jpg", "tabby cat"), ("cat.jpg", "cat")])
def test_what_a_photo_shows_is_probable(name: str, label: str) -> None:
    minimum = MIN_CONFIDENCE if label != "tabby cat" else 0.05
    assert CATEGORIES.probability(photos.load(name), label) >= minimum


@pytest.mark.parametrize("label", ["volcano", "shark", "golden retriever", "espresso"])
def test_what_it_does_not_show_is_not(label: str) -> None:
    assert CATEGORIES.probability(photos.load("astronaut.jpg"), label) < MIN_CONFIDENCE


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("sharks", "shark"),
        ("White Shark", "great white shark"),
        ("a volcano", "volcano"),
        ("spiders", "spider"),
        ("bathroom tissue", "toilet paper"),
    ],
)
def test_labels_have_aliases_and_groups(text: str, label: str) -> None:
    assert CATEGORIES.vocabulary.find(text) == label


def test_a_group_is_at_least_as_probable_as_its_classes() -> None:
    cat = photos.load("cat.jpg")
    assert CATEGORIES.probability(cat, "cat") > CATEGORIES.probability(cat, "tabby cat")


def test_an_unknown_label_has_near_ones() -> None:
    with pytest.raises(UnknownLabel) as caught:
        CATEGORIES.vocabulary.find("volcanoe")
    assert caught.value.near[0] == "volcano"


@pytest.mark.parametrize("size", [(1, 1), (1, 16_384), (16_384, 1), (300, 200)])
def test_an_image_of_any_shape_is_answered(size: tuple[int, int]) -> None:
    assert 0 <= CATEGORIES.probability(np.full((*size, 3), 128, np.uint8), "shark") < MIN_CONFIDENCE

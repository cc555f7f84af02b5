"""How bench/recognition.py counts: it needs no engine for that."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from bench import recognition
from chalicelib.providers.recognition.recognizer import Box

PHOTO = SimpleNamespace(pixels=SimpleNamespace(shape=(100, 200, 3)))
LEFT, RIGHT = (0.0, 0.0, 0.5, 1.0), (0.5, 0.0, 1.0, 1.0)


@dataclass
class Read:
    confidence: float


def box(x: int, y: int) -> Box:
    """A box whose middle is there."""
    return Box("cat", 0.9, x - 5, y - 5, 10, 10)


@pytest.mark.parametrize(
    ("places", "boxes", "counts"),
    [
        ([LEFT, RIGHT], [box(50, 50), box(150, 50)], {"right": 2}),
        ([LEFT], [box(50, 50), box(60, 50)], {"right": 1, "wrong": 1}),
        ([LEFT], [box(150, 50)], {"wrong": 1, "missed": 1}),
        ([LEFT, RIGHT], [], {"missed": 2}),
        ([], [box(50, 50)], {"wrong": 1}),
    ],
)
def test_one_object_takes_one_point(places: list[tuple[float, ...]], boxes: list[Box], counts: dict[str, int]) -> None:
    assert recognition._points(PHOTO, places, boxes) == counts


@pytest.mark.parametrize(
    ("named", "shows", "outcome"),
    [(True, True, ["right"]), (True, False, ["wrong"]), (False, True, ["missed"]), (False, False, [])],
)
def test_an_image_is_right_wrong_or_missed(named: bool, shows: bool, outcome: list[str]) -> None:
    assert recognition._outcome(named, shows) == outcome


def test_a_share_of_nothing_is_nothing() -> None:
    assert (recognition._share(0, 0), recognition._share(3, 1)) == ("0 % of 0", "75 % of 4")


def test_the_gap_is_between_confidence_and_what_is_exact() -> None:
    assert recognition._gap([Read(0.9), Read(0.5)], [True, False]) == pytest.approx(20)

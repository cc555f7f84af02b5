"""Labels in people's spellings."""

import pytest

from chalicelib.providers.recognition.categories import Categories
from chalicelib.providers.recognition.coco_labels import ALIASES, LABELS, VOCABULARY
from chalicelib.providers.recognition.recognizer import UnknownLabel
from chalicelib.providers.recognition.related_labels import RELATED


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("traffic light", "traffic light"),
        ("traffic lights", "traffic light"),
        ("Traffic Lights", "traffic light"),
        ("a traffic-light", "traffic light"),
        ("the  traffic_lights ", "traffic light"),
        ("motorbike", "motorcycle"),
        ("motorbikes", "motorcycle"),
        ("sofas", "couch"),
        ("buses", "bus"),
        ("benches", "bench"),
        ("knives", "knife"),
        ("people", "person"),
        ("women", "person"),
        ("mice", "mouse"),
        ("sheep", "sheep"),
        ("skis", "skis"),
        ("scissors", "scissors"),
        ("bicycles", "bicycle"),
        ("puppies", "dog"),
        ("TVs", "tv"),
        ("wine glasses", "wine glass"),
        ("fire hydrants", "fire hydrant"),
    ],
)
def test_a_label_is_found_by_each_of_its_spellings(text: str, label: str) -> None:
    assert VOCABULARY.find(text) == label


@pytest.mark.parametrize("label", LABELS)
def test_every_label_is_known_by_its_name(label: str) -> None:
    assert VOCABULARY.find(label) == label
    assert VOCABULARY.find(label.upper()) == label


@pytest.mark.parametrize(
    ("text", "near"),
    [("trafic lite", "traffic light"), ("bycicle", "bicycle"), ("light", "traffic light"), ("dogg", "dog")],
)
def test_an_unknown_label_has_near_ones(text: str, near: str) -> None:
    with pytest.raises(UnknownLabel) as caught:
        VOCABULARY.find(text)
    assert near in caught.value.near
    assert caught.value.known_labels == VOCABULARY.labels


@pytest.mark.parametrize(
    ("text", "near"),
    [("taxi", ["car"]), ("Taxis", ["car"]), ("a minivan", ["car", "truck"]), ("sailboats", ["boat"])],
)
def test_labels_that_are_near_in_meaning_come_first(text: str, near: list[str]) -> None:
    assert VOCABULARY.near(text)[: len(near)] == near
    assert VOCABULARY.related(text) == near


def test_each_related_label_is_one_of_an_engine() -> None:
    known = {*LABELS, *Categories().vocabulary.labels}
    assert {label for labels in RELATED.values() for label in labels} <= known
    assert not set(RELATED) & {*LABELS, *ALIASES}


@pytest.mark.parametrize("text", ["", " ", "qzxw", "s", "es", "🚦", "a", "x" * 10_000])
def test_a_label_like_no_other_has_no_near_one(text: str) -> None:
    with pytest.raises(UnknownLabel) as caught:
        VOCABULARY.find(text)
    assert caught.value.near == ()


def test_the_eighty_labels_and_their_aliases_are_consistent() -> None:
    assert len(set(LABELS)) == 80
    assert set(ALIASES.values()) <= set(LABELS)
    assert not set(ALIASES) & set(LABELS)

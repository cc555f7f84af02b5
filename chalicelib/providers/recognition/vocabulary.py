"""Labels as people write them: aliases, plurals, articles, and the labels that are near a wrong one."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches

from chalicelib.providers.recognition.recognizer import UnknownLabel
from chalicelib.providers.recognition.related_labels import RELATED

NEAR = 5
"""Near labels that an UnknownLabel names."""
_ARTICLE = re.compile(r"^(an?|the|all|any|some) ")
_NO_WORD = re.compile(r"[^a-z0-9']+")
_IRREGULAR = {"people": "person", "persons": "person", "men": "man", "women": "woman", "children": "child"} | {
    "mice": "mouse",
    "geese": "goose",
    "teeth": "tooth",
    "feet": "foot",
    "buses": "bus",
    "busses": "bus",
}
_ENDINGS = (("ies", "y"), ("ves", "fe"), ("ves", "f"), ("es", ""), ("s", ""))
"""Endings of plurals -> those of their singulars, the longest first."""


class Vocabulary:
    """Labels, and other words for them."""

    def __init__(self, labels: Iterable[str], aliases: Mapping[str, str]) -> None:
        self.labels: Sequence[str] = tuple(sorted(labels))
        self._label_of = {**aliases, **{label: label for label in self.labels}}

    def find(self, text: str) -> str:
        """The label that is meant. Raises UnknownLabel."""
        plain = normalised(text)
        for form in _singulars(plain):
            if form in self._label_of:
                return self._label_of[form]
        raise UnknownLabel(text, self.labels, self.near(text))

    def knows(self, text: str) -> bool:
        """Whether a label is meant."""
        return any(form in self._label_of for form in _singulars(normalised(text)))

    def related(self, text: str) -> list[str]:
        """The labels that are near in meaning."""
        forms = _singulars(normalised(text))
        return [label for form in forms for label in RELATED.get(form, ()) if label in self.labels]

    def near(self, text: str) -> list[str]:
        """The labels that are near in meaning, are spelled like it, or share a word with it."""
        plain = normalised(text)
        spelled = [self._label_of[each] for each in get_close_matches(plain, self._label_of, NEAR, 0.7)]
        words = {form for word in plain.split() for form in _singulars(word)}
        sharing = [label for label in self.labels if words & set(label.split())]
        return list(dict.fromkeys([*self.related(text), *spelled, *sharing]))[:NEAR]


def normalised(text: str) -> str:
    """Small letters and single spaces, without an article."""
    return _ARTICLE.sub("", _NO_WORD.sub(" ", text.lower()).strip())


def _singulars(plain: str) -> Iterator[str]:
    """The text itself, then what it may be the plural of."""
    yield plain
    rest, space, word = plain.rpartition(" ")
    if word in _IRREGULAR:
        yield f"{rest}{space}{_IRREGULAR[word]}"
    for ending, singular in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield f"{rest}{space}{word.removesuffix(ending)}{singular}"


def has_same_meaning(vocabulary: Vocabulary, first: str, second: str) -> bool:
    """Whether both are words for one label, or the same words but for a plural where the vocabulary has neither."""
    if vocabulary.knows(first) or vocabulary.knows(second):
        return (
            vocabulary.knows(first) and vocabulary.knows(second) and vocabulary.find(first) == vocabulary.find(second)
        )
    return not set(_singulars(normalised(first))).isdisjoint(_singulars(normalised(second)))

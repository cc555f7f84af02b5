"""What texts say about a topic: their sentences, ranked. Nothing is added to them."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

MIN_WORDS, MAX_WORDS = 6, 60
"""Of a sentence that can stand for itself."""
_WORDS = """
a about after all also an and any are as at be been but by can do for from had has have he her his how i if in into is
it its may more most no not of on one or other our out she so some such than that the their them then there these they
this to up use was we were what when which who will with would you your
"""
_SENTENCE_END = re.compile(r"""(?<!\n\d)(?<!\n\d\d)(?:[.!?…]["'”’)\]*_]*(?=\s|$)|[。！？][”」』]?)""")
"""Not the full stop after the number of an item in a list."""
_COMMON = frozenset(_WORDS.split())


class Passage(NamedTuple):
    """One sentence, and the place of its source among the texts."""

    sentence: str
    source: int


def extract(topic: str, texts: Iterable[str], count: int) -> list[Passage]:
    """The sentences that say most: those with the words that the texts use often, and with those of the topic. At most
    `count`, the best first; none twice."""
    passages = [Passage(sentence, index) for index, text in enumerate(texts) for sentence in _sentences(text)]
    frequency = Counter(word for passage in passages for word in set(_terms(passage.sentence)))
    wanted = set(_terms(topic))

    def weight(passage: Passage) -> float:
        terms = set(_terms(passage.sentence))
        common = sum(frequency[term] for term in terms if frequency[term] > 1)
        return (common + 5 * len(wanted & terms)) / (len(terms) + 3)

    unique = dict[str, Passage]()
    for passage in passages:
        unique.setdefault(" ".join(_terms(passage.sentence)), passage)
    return sorted(unique.values(), key=weight, reverse=True)[:count]


def keywords(text: str, count: int) -> list[str]:
    """The words that a text uses most, without those of every text."""
    frequency = Counter(term for term in _terms(text) if len(term) > 3 and not term.isdigit())
    return [word for word, _ in frequency.most_common(count)]


def shorten(text: str, most: int) -> str:
    """The text in one line of at most so many characters, cut between words."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def whole_sentences(text: str) -> str:
    """The text up to the end of its last whole sentence; all of it where no sentence ends."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]] if ends else text


def _sentences(text: str) -> list[str]:
    found = (" ".join(piece.split()) for piece in re.split(r"(?<=[.!?])\s+|\n\s*\n", text))
    return [sentence for sentence in found if MIN_WORDS <= len(sentence.split()) <= MAX_WORDS]


def _terms(text: str) -> list[str]:
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if word not in _COMMON]

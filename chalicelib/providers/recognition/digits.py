"""Digits in a transcript, whether as words or as figures, and figures as words."""

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal

ONES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEENS = ("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen")
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SMALL = {word: number for number, word in enumerate([*ONES, *_TEENS])} | {"niner": 9, "nought": 0, "naught": 0}
_DECADES = {word: 10 * number for number, word in enumerate(_TENS, 2)}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_LETTER_FOR_ZERO = frozenset({"oh", "o"})
"""Zero beside another number, and nothing elsewhere."""
_REPEATED = {"double": 2, "triple": 3, "treble": 3}
_NUMBER_WORDS = (_SMALL, _DECADES, _SCALES, _LETTER_FOR_ZERO, _REPEATED, {"and"})
_TOKEN = re.compile(r"[a-z]+(?:['’][a-z]+)*|[0-9]")
_POSSESSIVE = re.compile(r"['’]s\b")
_SCALED = re.compile(rf"([0-9]+(?:\.[0-9]+)?) ({'|'.join(_SCALES)})\b")
"""Figures with a scale: "5 million", "1.5 million"."""
_SIGN = re.compile(r"[^\sa-z0-9.,:;!?'’…–-]")
"""What is said as a word beside a number, such as "%"."""


def digits(text: str) -> str:
    """The digits that are said, in their order: "twenty one, oh, double five" gives "21055"; "" if there is none."""
    return "".join(_said(_TOKEN.findall(_written_out(_POSSESSIVE.sub("", text.lower())))))


def spelled(text: str) -> str:
    """A transcript that is nothing but numbers as one word for each of its digits, however Whisper wrote them, so that
    it and `digits` say the same; another as it is."""
    tokens = _TOKEN.findall(text.lower())
    if not tokens or _SIGN.search(text.lower()) or not all(_is_number_word(token) for token in tokens):
        return text
    return " ".join(ONES[int(digit)] for digit in digits(text)) or text


def _written_out(text: str) -> str:
    """The text with all figures of a number that is said with a scale: "5 million" is 5000000."""
    return _SCALED.sub(lambda found: str(int(Decimal(found[1]) * _SCALES[found[2]])), text)


def _is_number_word(token: str) -> bool:
    return token.isdigit() or any(token in words for words in _NUMBER_WORDS)


def _said(tokens: Sequence[str]) -> Iterator[str]:
    place = 0
    while place < len(tokens):
        size, number = _number_at(tokens, place)
        yield number
        place += size


def _number_at(tokens: Sequence[str], place: int) -> tuple[int, str]:
    """How many tokens from here are one number, at least 1, and its digits; "" for a word that is none."""
    token = tokens[place]
    if token.isdigit():
        return 1, token
    if token in _REPEATED and place + 1 < len(tokens):
        size, number = _number_at(tokens, place + 1)
        return (1 + size, number * _REPEATED[token]) if len(number) == 1 else (1, "")
    if token in _LETTER_FOR_ZERO:
        return 1, "0" if _has_number_beside(tokens, place) else ""
    if token in _SMALL or token in _DECADES:
        return _value_at(tokens, place)
    return 1, ""


def _has_number_beside(tokens: Sequence[str], place: int) -> bool:
    beside = [*tokens[max(0, place - 1) : place], *tokens[place + 1 : place + 2]]
    return any(
        token.isdigit() or token in _SMALL or token in _REPEATED or token in _LETTER_FOR_ZERO for token in beside
    )


def _value_at(tokens: Sequence[str], place: int) -> tuple[int, str]:
    """A number in words: "twenty one" is 21, "two hundred and five" is 205, "nineteen" is 19; "one two" are two."""
    size, value = _below_hundred(tokens, place)
    end, total = place + size, 0
    while end < len(tokens) and tokens[end] in _SCALES:
        if tokens[end] == "hundred":
            value *= 100
        else:
            total, value = total + value * _SCALES[tokens[end]], 0
        end, more = _after_scale(tokens, end + 1)
        value += more
    return end - place, str(total + value)


def _after_scale(tokens: Sequence[str], place: int) -> tuple[int, int]:
    """The place behind what follows a "hundred", and its value; 0 if nothing does."""
    ahead = place + 1 if tokens[place : place + 1] == ["and"] else place
    if ahead < len(tokens) and (tokens[ahead] in _SMALL or tokens[ahead] in _DECADES):
        size, value = _below_hundred(tokens, ahead)
        return ahead + size, value
    return place, 0


def _below_hundred(tokens: Sequence[str], place: int) -> tuple[int, int]:
    """How many tokens are one number below 100, and its value."""
    token = tokens[place]
    if token not in _DECADES:
        return 1, _SMALL[token]
    one = tokens[place + 1] if place + 1 < len(tokens) else ""
    return (2, _DECADES[token] + _SMALL[one]) if 0 < _SMALL.get(one, 0) < 10 else (1, _DECADES[token])

"""Digits in transcripts."""

import pytest

from chalicelib.providers.recognition import digits


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seven four two nine", "7429"),
        ("Seven, four, two, nine.", "7429"),
        ("3, 9, 8, 2", "3982"),
        ("3,982", "3982"),
        ("7429", "7429"),
        ("twenty one", "21"),
        ("twenty-one", "21"),
        ("ten", "10"),
        ("ten ten", "1010"),
        ("seven oh two", "702"),
        ("oh seven", "07"),
        ("seven o o two", "7002"),
        ("double five", "55"),
        ("four double oh seven", "4007"),
        ("triple nine", "999"),
        ("double twenty", "20"),
        ("double decker", ""),
        ("twenty ten", "2010"),
        ("nineteen eighty four", "1984"),
        ("one hundred and five", "105"),
        ("two hundred", "200"),
        ("one hundred and", "100"),
        ("two thousand twenty six", "2026"),
        ("two thousand and twenty six", "2026"),
        ("three hundred and twelve thousand", "312000"),
        ("twenty one thirty two", "2132"),
        ("the code is four, then 5 and six", "456"),
        ("12:30", "1230"),
        ("2026-01-27", "20260127"),
        ("B12", "12"),
        ("Oh, hello there", ""),
        ("o", ""),
        ("someone often weighs tension", ""),
        ("", ""),
        ("twenty", "20"),
        ("twenty zero", "200"),
        ("Meet me at five o'clock", "5"),
        ("at 5 o’clock", "5"),
        ("two 5's and three’s", "253"),
        ("5 million", "5000000"),
        ("1.5 million people", "1500000"),
        ("3,982 thousand", "3982000"),
        ("three point five", "35"),
    ],
)
def test_the_digits_that_are_said(text: str, found: str) -> None:
    assert digits.digits(text) == found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3, 9, 8, 2", "three nine eight two"),
        ("7429", "seven four two nine"),
        ("Seven, four, two, nine.", "seven four two nine"),
        ("Twenty-one, 5", "two one five"),
        ("double 5", "five five"),
        ("one hundred and five", "one zero five"),
        ("105", "one zero five"),
        ("ten thirty", "one zero three zero"),
        ("10.30.", "one zero three zero"),
        ("5 million", "five zero zero zero zero zero zero"),
        ("50%", "50%"),
        ("$20", "$20"),
        ("2 + 2", "2 + 2"),
        ("and", "and"),
        ("The meeting starts at 10.", "The meeting starts at 10."),
        ("Oh, hello", "Oh, hello"),
        ("", ""),
        ("?", "?"),
    ],
)
def test_a_transcript_of_numbers_is_words(text: str, words: str) -> None:
    assert digits.spelled(text) == words

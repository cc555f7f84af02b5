from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.domain.search import query as queries
from chalicelib.domain.search.query import MAX_WORD_LENGTH, MAX_WORDS, PRIORITY_LEVELS, Query, distinct_words
from chalicelib.domain.tasks.task import MAX_PRIORITY
from tests.domain import samples


def test_a_text_is_known_by_its_words_without_case_and_diacritics() -> None:
    assert distinct_words("Crème BRÛLÉE, crème; Straße—ﬁx_the-bug #42") == (
        "creme",
        "brulee",
        "strasse",
        "fix",
        "the",
        "bug",
        "42",
    )


def test_what_is_written_without_spaces_is_known_by_each_character() -> None:
    assert distinct_words("ユーザー認証v2") == ("ユ", "ー", "サ", "認", "証", "v2")


@given(st.text(max_size=200))
def test_words_are_few_short_distinct_and_as_good_as_the_text(text: str) -> None:
    words = distinct_words(text)
    assert len(set(words)) == len(words) <= MAX_WORDS
    assert all(0 < len(word) <= MAX_WORD_LENGTH for word in words)
    assert distinct_words(" ".join(words)) == words
    assert distinct_words(text.upper().lower()) == distinct_words(text.upper().lower().casefold())


@given(st.text(max_size=60), st.data())
def test_a_text_is_found_by_its_own_words_and_by_their_beginnings(text: str, data: st.DataObject) -> None:
    task = samples.ready(terms=tuple(f"word={word}" for word in distinct_words(text)))
    if distinct_words(text):
        word = data.draw(st.sampled_from(distinct_words(text)))
        assert queries.matches(task, Query(search=word[: data.draw(st.integers(1, len(word)))]))
        assert queries.matches(task, Query(search=text))


def test_more_words_than_are_kept_and_longer_ones() -> None:
    assert len(distinct_words(" ".join(f"w{number}" for number in range(MAX_WORDS + 9)))) == MAX_WORDS
    assert distinct_words("x" * 99) == distinct_words("x" * 40) == ("x" * MAX_WORD_LENGTH,)


def test_every_priority_has_one_level() -> None:
    assert sorted(priority for level in PRIORITY_LEVELS for priority in level) == list(range(MAX_PRIORITY + 1))


@pytest.mark.parametrize("due_at", [-5, 0, 1_700_000_000_000, 253_402_300_799_000])
def test_due_dates_of_any_year_are_in_order_and_before_none(due_at: int) -> None:
    early, late = samples.ready(due_at=due_at), samples.ready(due_at=due_at + 10)
    for ascending in (True, False):
        query = Query(sort="due", ascending=ascending)
        keys = [queries.sort_key(task, query) for task in (early, late, replace(late, due_at=None))]
        in_order = sorted(keys, reverse=not ascending)
        assert in_order[-1] == keys[2]
        assert in_order.index(keys[0]) < in_order.index(keys[1]) or due_at < 0 or not ascending


def test_a_sort_key_names_its_task_whatever_it_is_sorted_by() -> None:
    task = samples.ready()
    for sort in ("created", "updated", "priority", "due"):
        key = queries.sort_key(task, Query(sort=sort))
        assert (queries.task_id_in(key), queries.position_in(key)) == (task.id, queries.position(task))

"""The API has a name for every phase and priority of the engine, and the reverse."""

from typing import get_args

from chalicelib.apis.projects.states import (
    PHASE_BY_STATUS,
    PRIORITY_NUMBER,
    PRIORITY_NUMBERS,
    PRIORITY_WORD,
    TASK_STATUS,
    Priority,
    TaskStatus,
)
from chalicelib.domain.search.query import PRIORITY_LEVELS
from chalicelib.domain.tasks.task import MAX_PRIORITY, PHASES, Phase, Status


def test_every_state_has_a_word_and_every_word_a_phase() -> None:
    assert set(TASK_STATUS) == set(Phase) == {PHASES[status] for status in Status}
    assert {TASK_STATUS[phase]: phase for phase in Phase} == PHASE_BY_STATUS
    assert set(PHASE_BY_STATUS) == set(get_args(TaskStatus))


def test_every_urgency_has_a_word_and_every_word_its_own() -> None:
    assert PRIORITY_NUMBER == {"low": 2, "medium": 4, "high": 6}
    assert set(PRIORITY_WORD) == set(range(MAX_PRIORITY + 1))
    assert {PRIORITY_WORD[urgency]: urgency for urgency in PRIORITY_NUMBER.values()} == PRIORITY_NUMBER
    words = [get_args(Priority).index(PRIORITY_WORD[urgency]) for urgency in sorted(PRIORITY_WORD)]
    assert words == sorted(words)


def test_lists_tell_apart_just_the_words() -> None:
    assert tuple(PRIORITY_NUMBERS[word] for word in get_args(Priority)) == PRIORITY_LEVELS

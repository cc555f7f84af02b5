from typing import Any

from chalicelib.domain.training.example import Example
from chalicelib.domain.training.patterns import MIN_SAMPLE, find_patterns


def examples(count: int, approved: int, **changes: Any) -> list[Example]:
    """So many examples of which so many were approved."""
    fields: dict[str, Any] = {
        **dict.fromkeys(Example._fields),
        "category": "Tea",
        "model": "small",
        "word_count": 100,
        "quality_score": 50,
    }
    return [Example(**(fields | changes | {"approved": number < approved})) for number in range(count)]


def test_a_pattern_has_the_observed_share_of_what_has_its_property() -> None:
    sample = examples(20, 15, word_count=900) + examples(20, 5)
    [pattern] = find_patterns(sample)
    assert (pattern.confidence, pattern.sample_size, pattern.domains) == (0.75, 20, ("Tea",))
    assert pattern.description == "Content of at least 300 words is approved"


def test_the_threshold_with_the_highest_share_is_taken() -> None:
    sample = examples(10, 10, word_count=900) + examples(10, 5, word_count=600) + examples(10, 1)
    assert [pattern.id for pattern in find_patterns(sample)] == ["word_count_800"]


def test_few_examples_teach_nothing() -> None:
    few = MIN_SAMPLE - 1
    assert find_patterns(examples(few, few, word_count=900) + examples(20, 0)) == []
    assert find_patterns(examples(20, 20, word_count=900) + examples(few, 0)) == []


def test_a_property_that_makes_no_difference_is_no_pattern() -> None:
    assert find_patterns(examples(20, 11, word_count=900) + examples(20, 10)) == []


def test_scores_categories_and_models_are_looked_at_and_an_unknown_score_is_low() -> None:
    good = examples(10, 10, quality_score=85, category="Coffee", model="large")
    found = find_patterns(good + examples(10, 0, quality_score=None))
    assert [pattern.id for pattern in found] == ["quality_score_60", "category_Coffee", "model_large"]

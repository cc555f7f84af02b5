"""Patterns in what people approved: a property of content, and the observed share of approved content that has it.

A pattern needs MIN_SAMPLE examples with its property and MIN_SAMPLE without, and a share that is higher by MIN_LIFT.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chalicelib.domain.training.example import Example

MIN_SAMPLE = 10
MIN_LIFT = 0.1
LEAST_WORDS = (300, 500, 800, 1_200, 2_000)
LEAST_SCORES = (60, 70, 80, 90)


class Pattern(NamedTuple):
    """One pattern. `confidence` is the share of approved examples, 0 to 1, among the `sample_size` that have it."""

    id: str
    description: str
    confidence: float
    sample_size: int
    domains: tuple[str, ...]


class _Property(NamedTuple):
    """A property of content: a number that is at least `value`, or a text that is `value`."""

    field: str
    value: int | str
    description: str

    def is_of(self, example: Example) -> bool:
        actual = getattr(example, self.field)
        return actual == self.value if isinstance(self.value, str) else (actual or 0) >= self.value


def find_patterns(examples: Sequence[Example]) -> list[Pattern]:
    """The patterns of these examples, the most certain one first; of each field only the best one."""
    best = (
        max(patterns, key=_certainty)
        for properties in _properties(examples)
        if (patterns := list(_patterns(properties, examples)))
    )
    return sorted(best, key=_certainty, reverse=True)


def _certainty(pattern: Pattern) -> tuple[float, int]:
    return pattern.confidence, pattern.sample_size


def _properties(examples: Sequence[Example]) -> Iterator[list[_Property]]:
    """The properties of each field."""
    yield [_Property("word_count", least, f"Content of at least {least} words is approved") for least in LEAST_WORDS]
    scored = "Content with a quality score of at least {} is approved"
    yield [_Property("quality_score", least, scored.format(least)) for least in LEAST_SCORES]
    for field, text in (("category", "Content of the category {} is approved"), ("model", "Content by {} is approved")):
        values = sorted({value for example in examples if (value := getattr(example, field))})
        yield [_Property(field, value, text.format(value)) for value in values]


def _patterns(properties: Sequence[_Property], examples: Sequence[Example]) -> Iterator[Pattern]:
    for each in properties:
        having = [example for example in examples if each.is_of(example)]
        lacking = [example for example in examples if not each.is_of(example)]
        if min(len(having), len(lacking)) < MIN_SAMPLE or _share(having) - _share(lacking) < MIN_LIFT:
            continue
        domains = tuple(sorted({example.category for example in having if example.category}))
        name = f"{each.field}_{each.value}"
        yield Pattern(name, each.description, round(_share(having), 2), len(having), domains)


def _share(examples: Sequence[Example]) -> float:
    return sum(example.approved for example in examples) / len(examples)

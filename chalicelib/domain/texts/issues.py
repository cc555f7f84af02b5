"""What was found in a text, and the score that follows from it."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

Check = Literal["grammar", "factuality", "formatting", "style", "readability"]
Severity = Literal["error", "warning", "advice", "not_checked"]

POINTS: dict[Severity, float] = {"error": 5, "warning": 2, "advice": 0.5, "not_checked": 0}
"""What an issue takes from the score of a text of SCORED_WORDS or fewer; less, the longer the text is."""
SCORED_WORDS = 100
MAX_SUGGESTIONS = 20
MAX_EXCERPT = 80


class Issue(NamedTuple):
    """One thing that is wrong with a text, or a check that was not made."""

    check: Check
    kind: str
    severity: Severity
    message: str
    line: int | None = None
    """From 1; None for an issue of the whole text."""
    excerpt: str | None = None
    suggestion: str | None = None
    """What to write in the place of the excerpt."""


def issue_at(
    text: str, span: tuple[int, int], check: Check, kind: str, severity: Severity, message: str, suggestion: str = ""
) -> Issue:
    """An issue of the part of a text between two indexes."""
    start, end = span
    excerpt = text[start : min(end, start + MAX_EXCERPT)].strip()
    return Issue(check, kind, severity, message, text.count("\n", 0, start) + 1, excerpt or None, suggestion or None)


def not_checked(check: Check, why: str) -> Issue:
    """The issue that a check was not made: it is no pass."""
    return Issue(check, "not_checked", "not_checked", f"{check} was not checked: {why}")


def quality_score(issues: Sequence[Issue], checks: Iterable[Check], words: int) -> int | None:
    """0 to 100: the best less the points of each issue, rounded down, so that only a text without one has 100. None
    where none of the checks was made."""
    if set(checks) <= {issue.check for issue in issues if issue.severity == "not_checked"}:
        return None
    points = sum(POINTS[issue.severity] for issue in issues)
    return max(0, int(100 - points * SCORED_WORDS / max(words, SCORED_WORDS)))


def suggestions(issues: Iterable[Issue]) -> list[str]:
    """What to change, one sentence for each issue that is more than advice, at most MAX_SUGGESTIONS."""
    severe = (issue for issue in issues if issue.severity in ("error", "warning"))
    return [_sentence(issue) for issue, _ in zip(severe, range(MAX_SUGGESTIONS), strict=False)]


def _sentence(issue: Issue) -> str:
    place = f"Line {issue.line}: " if issue.line else ""
    if issue.suggestion and issue.excerpt:
        return f"{place}write '{issue.suggestion}' in the place of '{issue.excerpt}'."
    return f"{place}{issue.message}"

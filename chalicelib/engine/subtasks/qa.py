"""Quality: what is wrong with a text, and a score that follows from it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from chalicelib.domain.texts import formatting, issues, markup
from chalicelib.domain.texts.issues import Check, Issue
from chalicelib.engine.subtasks import factuality
from chalicelib.providers.text import conversion, grammar, readability, style

CHECKS: tuple[Check, ...] = ("grammar", "factuality", "formatting", "style", "readability")
MAX_ISSUES = 200
_FINDERS: Mapping[Check, Callable[[str], list[Issue]]] = {
    "grammar": grammar.find_issues,
    "formatting": formatting.find_issues,
    "style": style.find_issues,
    "readability": readability.find_issues,
}


class Assessment(NamedTuple):
    """`quality_score` is 0 to 100, None where no check was made. MAX_ISSUES issues at most are named, all count."""

    issues: list[Issue]
    quality_score: int | None
    suggestions: list[str]


def assess(org: str, content: str, checks: Sequence[Check] = CHECKS, *, sources: Sequence[str] = ()) -> Assessment:
    """Check a text, which is markdown or HTML. Only `factuality` needs a model; where there is none, an issue says that
    it was not checked.

    Raises InvalidRequest for HTML that is nested too deeply, NotConfigured and Unavailable without the extra `studio`.
    """
    is_html = conversion.detect(content) == "html"
    lost = formatting.find_in_html(content) if is_html and "formatting" in checks else []
    text = conversion.convert(content, "html", "markdown") if is_html else content
    all_issues = [*lost]
    for check in dict.fromkeys(checks):
        all_issues += factuality.find_issues(org, text, sources) if check == "factuality" else _FINDERS[check](text)
    all_issues.sort(key=lambda issue: issue.line or 0)
    score = issues.quality_score(all_issues, checks, len(markup.words(text)))
    return Assessment(all_issues[:MAX_ISSUES], score, issues.suggestions(all_issues))

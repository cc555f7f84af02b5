"""The style of English texts, by proselint."""

from collections.abc import Callable
from functools import cache
from typing import Any

from chalicelib.domain.texts import markup
from chalicelib.domain.texts.issues import Issue, Severity, issue_at, not_checked
from chalicelib.errors import NotConfigured, Unavailable
from chalicelib.providers import extras

_LEFT_OUT = ("lexical_illusions", "spelling", "typography.symbols", "restricted")
"""What the check of the grammar finds, too, and what concerns printers."""
_WARNINGS = ("nonwords", "malapropisms", "mixed_metaphors", "social_awareness", "uncomparables", "redundancy")
_MESSAGES = {"weasel_words.very": "'very' adds little: leave it out, or take a stronger word."}


def find_issues(markdown: str) -> list[Issue]:
    """The phrases that editors advise against, by line; one issue that says so where the extra `style` is not there."""
    try:
        extras.require("style")
    except (NotConfigured, Unavailable) as error:
        return [not_checked("style", error.message)]
    text = markup.mask_long_words(markup.mask_all(markdown))  # they would take proselint minutes
    results = (result.check_result for result in _lint_file()("text", text).lint()) if text.strip() else ()
    return [_issue(text, result) for result in results if not result.check_path.startswith(_LEFT_OUT)]


def _issue(text: str, result: Any) -> Issue:
    path: str = result.check_path
    severity: Severity = "warning" if path.startswith(_WARNINGS) else "advice"
    # proselint puts a line before the text.
    span = (result.span[0] - 1, result.span[1] - 1)
    message = _MESSAGES.get(path, result.message)
    return issue_at(text, span, "style", path.split(".")[0], severity, message, result.replacements or "")


@cache
def _lint_file() -> Callable[[str, str], Any]:
    from proselint.checks import __register__
    from proselint.registry import CheckRegistry
    from proselint.tools import LintFile

    CheckRegistry().register_many(__register__)
    kind: Callable[[str, str], Any] = LintFile
    return kind

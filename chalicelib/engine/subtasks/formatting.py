"""Format: a text in the markup and the shape in which it is published."""

from typing import Any, NamedTuple

from chalicelib.domain.texts import extraction
from chalicelib.providers.text import conversion, styling, trees
from chalicelib.providers.text.conversion import Markup
from chalicelib.providers.text.styling import Style

EXCERPT, SEO_TITLE, SEO_DESCRIPTION, SEO_KEYWORDS = 280, 60, 155, 8
"""The most characters of each that search engines show, and the number of keywords."""


class Formatted(NamedTuple):
    """A text with all that a post needs. `content` is markdown."""

    title: str
    content: str
    html: str
    excerpt: str
    seo_title: str
    seo_description: str
    seo_keywords: list[str]


def format_text(content: str, target: Markup, style: Style, source: Markup | None = None) -> str:
    """The text in the markup `target`. Without a `source` it is taken for HTML where it begins with a tag, else for
    markdown.

    Raises InvalidRequest for a text that cannot be converted, NotConfigured and Unavailable without the extra `studio`.
    """
    tree = conversion.to_tree(content, source or conversion.detect(content))
    styling.apply_style(tree, style)
    return conversion.from_tree(tree, target)


def format_post(title: str | None, content: str) -> Formatted:
    """A post of a blog: its title is not repeated in its text. Raises as `format_text`."""
    tree = conversion.to_tree(content, conversion.detect(content))
    title = title or styling.title_of(tree) or extraction.shorten(trees.plain_text(tree), SEO_TITLE) or "Untitled"
    _leave_out_title(tree, title)
    styling.apply_style(tree, "blog")
    words = trees.plain_text(tree)
    return Formatted(
        title=title,
        content=conversion.from_tree(tree, "markdown"),
        html=conversion.from_tree(tree, "html"),
        excerpt=extraction.shorten(words, EXCERPT),
        seo_title=extraction.shorten(title, SEO_TITLE),
        seo_description=extraction.shorten(words, SEO_DESCRIPTION),
        seo_keywords=extraction.keywords(f"{title} {words}", SEO_KEYWORDS),
    )


def _leave_out_title(tree: Any, title: str) -> None:
    first = tree.find(True)
    if first is not None and first.name in trees.HEADINGS and first.get_text().strip() == title:
        first.decompose()

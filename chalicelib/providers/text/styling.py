"""The shape of a text for where it is shown: a blog, a documentation or an email."""

from typing import Any, Literal

from chalicelib.providers.text.trees import HEADINGS

Style = Literal["blog", "documentation", "email"]
CONTENTS_FROM = 3
"""Sections from which on a documentation has a list of them."""


def apply_style(tree: Any, style: Style) -> None:
    """Change a tree of safe HTML. A blog's page has a title of its own, so its headings begin at level 2; those of a
    documentation leave out no level, and are listed; an email has neither headings nor images."""
    {"blog": _for_blog, "documentation": _for_documentation, "email": _for_email}[style](tree)


def title_of(tree: Any) -> str | None:
    """The text of the first heading of the highest level that there is."""
    found = next((tree.find(name) for name in HEADINGS if tree.find(name)), None)
    return " ".join(found.get_text().split()) or None if found else None


def _for_blog(tree: Any) -> None:
    headings = tree.find_all(HEADINGS)
    shift = 2 - min((int(heading.name[1]) for heading in headings), default=2)
    for heading in headings:
        heading.name = f"h{min(6, int(heading.name[1]) + shift)}"


def _for_documentation(tree: Any) -> None:
    headings, open_levels = tree.find_all(HEADINGS), list[int]()
    for heading in headings:
        level = int(heading.name[1])
        open_levels = [*(other for other in open_levels if other < level), level]
        heading.name = f"h{len(open_levels)}"
    sections = [heading for heading in headings if heading.name == "h2"]
    if len(sections) >= CONTENTS_FROM:
        contents = tree.new_tag("ul")
        for section in sections:
            item = tree.new_tag("li")
            item.string = " ".join(section.get_text().split())
            contents.append(item)
        sections[0].insert_before(contents)


def _for_email(tree: Any) -> None:
    for heading in tree.find_all(HEADINGS):
        heading.name = "strong"
        heading.wrap(tree.new_tag("p"))
    for image in tree.find_all("img"):
        if alt := image.get("alt"):
            image.replace_with(alt)
        else:
            image.extract()  # strings in their places would have the next ones searched for behind them
    for link in tree.find_all("a", href=True):
        if link["href"] not in (link.get_text(), f"mailto:{link.get_text()}") and not link["href"].startswith("#"):
            link.insert_after(f" ({link['href']})")

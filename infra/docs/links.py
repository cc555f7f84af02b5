"""Links of the Markdown files, which are written for a reader of the repository, as links of the site."""

import posixpath
import re

HOME = "README.md"
"""The site's home is docs/README.md; links to the README of the repository lead there."""
EXTRA_PAGES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "bench/LOCAL.md",
    "bench/RECOGNITION.md",
    "bench/RESULTS.md",
    "clients/README.md",
    "clients/code_worker/README.md",
)
"""Pages outside docs/ that are pages of the site, too."""
LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s]+)\)")


def _site_path(path: str) -> str | None:
    """Where the site has a file of the repository; None when it does not have it."""
    if path == HOME or path in EXTRA_PAGES:
        return path
    return path.removeprefix("docs/") if path.startswith("docs/") else None


def rewrite_links(markdown: str, source: str) -> str:
    """The text of the page `source` (its path in the repository) with links that hold in the site.

    A link to a file that the site does not have, such as a source file, becomes plain text.
    """
    here = posixpath.dirname(_site_path(source) or "") or "."

    def rewrite(link: re.Match[str]) -> str:
        path, separator, anchor = link[2].partition("#")
        target = _site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if target is None:
            return link[1]
        return f"[{link[1]}]({posixpath.relpath(target, here)}{separator}{anchor})"

    return LINK.sub(rewrite, markdown)

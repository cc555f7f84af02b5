"""The links of the pages in the site of `make docs`."""

import pytest

from infra.docs.links import EXTRA_PAGES, rewrite_links
from tests.test_docs import PAGES, ROOT


@pytest.mark.parametrize(
    ("source", "link", "expected"),
    [
        ("docs/how-to/deploy.md", "../reference/alarms.md#a", "../reference/alarms.md#a"),
        ("docs/how-to/deploy.md", "../../CHANGELOG.md", "../CHANGELOG.md"),
        ("docs/README.md", "how-to/deploy.md", "how-to/deploy.md"),
        ("CONTRIBUTING.md", "docs/how-to/deploy.md", "how-to/deploy.md"),
        ("clients/README.md", "../docs/how-to/deploy.md", "../how-to/deploy.md"),
        ("CONTRIBUTING.md", "README.md", "README.md"),
        ("docs/README.md", "https://example.com/x.md", "https://example.com/x.md"),
        ("docs/README.md", "#here", "#here"),
    ],
)
def test_a_link_leads_to_the_same_page_in_the_site(source: str, link: str, expected: str) -> None:
    assert rewrite_links(f"see [it]({link}).", source) == f"see [it]({expected})."


def test_a_link_to_a_file_that_the_site_does_not_have_becomes_text() -> None:
    assert rewrite_links("see [it](LICENSE), [that](app.py)", "CONTRIBUTING.md") == "see it, that"


def test_every_page_outside_docs_but_the_readme_is_in_the_site() -> None:
    outside = {str(page.relative_to(ROOT)) for page in PAGES} - {"README.md"}
    assert {path for path in outside if not path.startswith("docs/")} == {*EXTRA_PAGES}

"""The shape of a text for where it is shown."""

from typing import get_args

import pytest

from tests.support import cpu_time
from tests.support.extras import require_extra

require_extra("studio")

from chalicelib.providers.text import conversion, styling  # noqa: E402
from chalicelib.providers.text.styling import Style  # noqa: E402

TEXT = "# T\n\n### A\n\na [b](https://c.example) ![d](/e.png)\n\n### F\n\n### G\n\ng"
EXPECTED = {
    "blog": "## T\n\n#### A\n\na [b](https://c.example) ![d](/e.png)\n\n#### F\n\n#### G\n\ng\n",
    "documentation": "# T\n\n- A\n- F\n- G\n\n## A\n\na [b](https://c.example) ![d](/e.png)\n\n## F\n\n## G\n\ng\n",
    "email": "**T**\n\n**A**\n\na [b](https://c.example) (https://c.example) d\n\n**F**\n\n**G**\n\ng\n",
}


@pytest.mark.parametrize("style", get_args(Style))
def test_a_text_gets_the_shape_of_its_place(style: Style) -> None:
    tree = conversion.to_tree(TEXT, "markdown")
    styling.apply_style(tree, style)
    assert conversion.from_tree(tree, "markdown") == EXPECTED[style]


def test_the_title_is_the_first_heading_of_the_highest_level() -> None:
    assert styling.title_of(conversion.to_tree("### a\n\n## b *c*\n\n## d", "markdown")) == "b c"
    assert styling.title_of(conversion.to_tree("a", "markdown")) is None


def test_an_email_of_many_images_takes_seconds() -> None:
    tree = conversion.to_tree("<img>" * 30_000, "html")
    with cpu_time.limited_to(5):
        styling.apply_style(tree, "email")
    assert tree.find("img") is None

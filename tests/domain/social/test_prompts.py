"""What models are asked, and what is left of their answers."""

import pytest

from chalicelib.domain.deliveries.receivers import PLATFORMS
from chalicelib.domain.social import prompts


@pytest.mark.parametrize(
    "text",
    ['"A post."', "Here is a post for X: A post.", "Tweet: A post.", "  A post.\n", "“A post.”", "Post:\n\nA post."],
)
def test_what_stands_around_a_post_is_removed(text: str) -> None:
    assert prompts.clean(text) == "A post."


def test_quotations_within_a_post_stay() -> None:
    assert prompts.clean('"One" and "two"') == '"One" and "two"'


def test_each_platform_and_style_has_its_own_instruction() -> None:
    styles: tuple[prompts.Style, ...] = ("professional", "casual", "promotional")
    asked = {prompts.instruction(platform, style) for platform in PLATFORMS for style in styles}
    assert len(asked) == len(PLATFORMS) * len(styles)
    assert all(0 < prompts.max_tokens(platform) <= 500 for platform in PLATFORMS)

"""Format: texts for a place, and posts."""

from chalicelib.engine.subtasks.formatting import format_post, format_text

TEXT = "# Solar power\n\nSolar power **grew**. <script>alert(1)</script>\n\n## More\n\nPower is cheap."


def test_a_text_gets_a_markup_and_a_shape() -> None:
    assert format_text(TEXT, "html", "blog").startswith(
        "<h2>Solar power</h2>\n<p>Solar power <strong>grew</strong>. </p>"
    )
    assert format_text("<h1>A</h1>", "markdown", "documentation") == "# A\n"
    assert format_text("A\n=\n\n- b", "markdown", "documentation", "rst") == "# A\n\n- b\n"


def test_a_post_has_all_that_it_needs() -> None:
    post = format_post(None, TEXT)
    assert post.title == post.seo_title == "Solar power"
    assert post.content == "Solar power **grew**.\n\n## More\n\nPower is cheap.\n"
    assert "<script" not in post.html and "Solar power</h" not in post.html
    assert post.excerpt == post.seo_description == "Solar power grew. More Power is cheap."
    assert post.seo_keywords[:2] == ["power", "solar"]


def test_a_given_title_stands_and_a_long_text_is_cut() -> None:
    post = format_post("Mine", "## Other\n\n" + "many words " * 100)
    assert (post.title, len(post.excerpt) <= 280, post.excerpt[-1]) == ("Mine", True, "…")
    assert format_post(None, "Just words.").title == "Just words."

"""Quality: every kind of check, with and without a model."""

import json

import pytest

from chalicelib.engine.subtasks import factuality, qa
from tests.support.models import Models
from tests.support.world import ORG, World

TEXT = "# Facts\n\nThe harbor opened in 1820. They recieve [fish](). They bought it at the ATM machine.\n"
QUOTE = "The harbor opened in 1820."


def kinds(assessed: qa.Assessment) -> set[tuple[str, str]]:
    return {(issue.check, issue.kind) for issue in assessed.issues}


def test_all_checks_but_facts_work_without_a_model(world: World) -> None:
    assessed = qa.assess(ORG, TEXT)
    expected = {
        ("formatting", "link_without_target"),
        ("grammar", "spelling"),
        ("style", "redundancy"),
        ("factuality", "not_checked"),
    }
    assert expected <= kinds(assessed)
    assert assessed.quality_score is not None and assessed.quality_score < 95
    assert "Line 3: write 'receive' in the place of 'recieve'." in assessed.suggestions
    [facts] = [issue for issue in assessed.issues if issue.check == "factuality"]
    assert facts.message == "factuality was not checked: no provider of a language model is configured"


def test_facts_alone_without_a_model_have_no_score(world: World) -> None:
    assert qa.assess(ORG, TEXT, ["factuality"]).quality_score is None


def test_only_what_is_asked_for_is_checked(world: World) -> None:
    assert kinds(qa.assess(ORG, TEXT, ["formatting"])) == {("formatting", "link_without_target")}


def test_a_model_s_doubts_are_issues_where_the_text_has_the_words(fake_models: Models) -> None:
    doubts = [{"quote": QUOTE, "problem": "The source says 1920."}, {"quote": "never said", "problem": "x"}]
    fake_models.openai.text = f"Here you are: {json.dumps(doubts)}"
    [issue] = qa.assess(ORG, TEXT, ["factuality"], sources=["It opened in 1920."]).issues
    assert (issue.kind, issue.severity, issue.excerpt, issue.line) == ("doubtful", "error", QUOTE, 3)
    asked = fake_models.openai.requests[-1].body
    assert "It opened in 1920." in str(asked)
    assert asked["max_tokens"] == factuality.MAX_TOKENS, "a model that does not stop would hold up the check"


@pytest.mark.parametrize("text", ["I think it is fine.", "[1]", '[{"quote": "x"}]', "[", "{}"])
def test_an_answer_of_another_form_is_no_pass(fake_models: Models, text: str) -> None:
    fake_models.openai.text = text
    assessed = qa.assess(ORG, TEXT, ["factuality"])
    assert (kinds(assessed), assessed.quality_score) == ({("factuality", "not_checked")}, None)


def test_a_model_that_refuses_is_no_pass(fake_models: Models) -> None:
    fake_models.openai.models = ("other",)
    [issue] = qa.assess(ORG, TEXT, ["factuality"]).issues
    assert issue.message.startswith("factuality was not checked: the model gave no answer")


def test_nothing_to_doubt_is_a_pass(fake_models: Models) -> None:
    fake_models.openai.text = "[]"
    assert qa.assess(ORG, TEXT, ["factuality"]) == ([], 100, [])


def test_html_is_checked_as_what_it_says_and_for_what_is_removed(world: World) -> None:
    html = "<h1>Facts</h1><p>They recieve fish.</p><script>alert(1)</script>"
    assert kinds(qa.assess(ORG, html, ["grammar", "formatting"])) == {
        ("formatting", "unsafe_markup"),
        ("grammar", "spelling"),
    }


def test_html_is_checked_for_what_markdown_would_leave_out(world: World) -> None:
    html = '<p>They sell <a href="">fish</a>.</p><h2></h2>'
    assert kinds(qa.assess(ORG, html, ["formatting"])) == {
        ("formatting", "link_without_target"),
        ("formatting", "empty_heading"),
    }


def test_a_text_of_mistakes_alone_has_a_bounded_answer(world: World) -> None:
    assessed = qa.assess(ORG, "See [](x). TODO.\n\n" * 500, ["formatting"])
    assert (len(assessed.issues), assessed.quality_score) == (qa.MAX_ISSUES, 0)


@pytest.mark.parametrize("text", [f'[{{"quote": "{QUOTE}", "problem": "\\ud83d"}}]', "[" * 5_000 + "]" * 5_000])
def test_a_model_s_answer_that_cannot_be_sent_does_no_harm(fake_models: Models, text: str) -> None:
    fake_models.openai.text = text
    for issue in qa.assess(ORG, TEXT, ["factuality"]).issues:
        issue.message.encode()

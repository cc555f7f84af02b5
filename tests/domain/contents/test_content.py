"""The states of a content and the lists that show it, as pure rules."""

from dataclasses import replace

import pytest

from chalicelib.domain.contents import content as rules
from chalicelib.domain.contents.content import Content, Entry, Label, Status
from chalicelib.errors import Conflict

DRAFT = Content(
    org="acme",
    id="c1",
    number=7,
    title="A title",
    category=Label("tech", "Tech"),
    tags=(Label("ai", "AI"),),
    created_by="ann",
    created_at=1,
    updated_at=1,
)

APPROVED = rules.approved(DRAFT, "a-title", "bob", None, 2)


def published_content() -> Content:
    return rules.published(replace(APPROVED, post_chars=3), "a-title", 3, 4)


def test_a_content_is_in_the_list_of_all_and_of_its_status() -> None:
    assert list(rules.entries(DRAFT)) == [Entry("contents", 7, "c1"), Entry("contents#status=draft", 7, "c1")]


def test_a_post_is_also_in_the_lists_of_its_labels() -> None:
    assert list(rules.entries(published_content())) == [
        Entry("contents", 7, "c1"),
        Entry("contents#status=published", 7, "c1"),
        Entry("posts", 3, "a-title", 3),
        Entry("posts#category=tech", 3, "a-title", 3, "Tech"),
        Entry("posts#tag=ai", 3, "a-title", 3, "AI"),
    ]


@pytest.mark.parametrize("status", [Status.DRAFT, Status.IN_REVIEW, Status.REJECTED])
def test_whatever_is_not_decided_otherwise_can_be_approved_and_not_published_before(status: Status) -> None:
    content = replace(DRAFT, status=status)
    with pytest.raises(Conflict):
        rules.require_approved(content)
    approved = rules.approved(content, "a-title", "bob", "good", 5)
    rules.require_approved(approved)
    assert (approved.status, approved.decided_by, approved.feedback, approved.version) == ("approved", "bob", "good", 2)
    assert rules.published(approved, "a-title", 1, 6).published_at == 6


def test_a_decision_is_final_but_a_rejection_can_be_taken_back() -> None:
    approved = APPROVED
    assert rules.approved(approved, "other", "eve", "me", 3) is approved
    assert rules.approved(published_content(), "other", "eve", "me", 9) == published_content()
    for content in (approved, published_content()):
        with pytest.raises(Conflict):
            rules.rejected(content, "eve", None, 3)
    rejected = rules.rejected(DRAFT, "bob", None, 2)
    assert rules.rejected(rejected, "eve", None, 3) is rejected
    assert rules.approved(rejected, "a-title", "bob", None, 3).status is Status.APPROVED


def test_time_does_not_go_back() -> None:
    assert rules.approved(replace(DRAFT, updated_at=9), "a-title", "bob", None, 2).updated_at == 9


def test_slugs_differ_from_the_second_on() -> None:
    assert rules.slug_candidates(APPROVED) == ("a-title", "a-title-7", "a-title-7-1")

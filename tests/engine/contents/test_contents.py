"""Contents: created once, listed exactly, edited, decided on and deleted."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.domain.contents.content import Label, Status
from chalicelib.engine.contents import contents, entry_pages, publication
from chalicelib.engine.contents.contents import Draft
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.contents import lists
from chalicelib.storage.contents.table import POST_RANK
from tests.engine.contents.helpers import DRAFT, create, publish, reload, require_consistent, stored_contents
from tests.engine.helpers import run_together
from tests.support import aws
from tests.support.extras import require_extra
from tests.support.world import ORG, World

require_extra("studio")


def list_ids(status: Status | None = None, limit: int = 100, offset: int = 0) -> list[str]:
    return [one.id for one in contents.find_page(ORG, status, limit, offset).contents]


def test_a_content_is_a_draft_and_keeps_what_its_author_wrote(world: World) -> None:
    with aws.counting() as calls:
        content = contents.create(ORG, DRAFT, by="ann")
    assert calls.total() == 2
    assert contents.get(ORG, content.content.id) == content
    assert (content.text, content.content.status, content.content.created_by) == (DRAFT.text, Status.DRAFT, "ann")
    assert content.content.category == Label("technology", "Technology")
    assert content.content.tags == (Label("ai", "AI"), Label("tech", "Tech"))
    require_consistent()


def test_with_an_id_there_is_one_content_however_often_it_is_created(world: World) -> None:
    content = run_together(
        [partial(contents.create, ORG, Draft(name, "x"), content_id="it", by="ann") for name in "abcdefgh"]
    )
    assert len({details.content.title for details in content}) == 1
    assert contents.find_page(ORG, None, 10).total == 1
    require_consistent()


def test_tags_of_one_name_are_one_tag_and_eleven_are_refused(world: World) -> None:
    content = create(tags=("AI", "ai", "Ai!"))
    assert content.tags == (Label("ai", "Ai!"),)
    with pytest.raises(InvalidRequest):
        create(tags=tuple(f"t{number}" for number in range(11)))
    assert [one.id for one in stored_contents()] == [content.id]


def test_another_orgs_content_does_not_exist(world: World) -> None:
    content = create(org="umbra")
    for act in (contents.get, contents.delete, publication.publish):
        with pytest.raises(NotFound):
            act(ORG, content.id)
    with pytest.raises(NotFound):
        contents.approve(ORG, content.id, "eve")
    assert list_ids() == []


def test_lists_are_newest_first_and_filtered_by_status(world: World) -> None:
    all_contents = [create(status=Status.IN_REVIEW if number % 2 else Status.DRAFT) for number in range(5)]
    assert list_ids() == [one.id for one in reversed(all_contents)]
    assert list_ids(Status.IN_REVIEW) == [all_contents[3].id, all_contents[1].id]
    contents.reject(ORG, all_contents[1].id, "bob", "too long")
    assert (list_ids(Status.IN_REVIEW), list_ids(Status.REJECTED)) == ([all_contents[3].id], [all_contents[1].id])
    require_consistent()


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_pages_show_every_content_once_also_far_from_the_beginning(
    world: World, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(lists, "BLOCK_SIZE", 4)
    monkeypatch.setattr(entry_pages, "NEAR_ENTRIES", 5)
    all_contents = [create() for _ in range(23)]
    deleted = {4, 5, 6, 7, 13}  # one block is empty then
    for number in deleted:
        contents.delete(ORG, all_contents[number].id)
    expected = [one.id for number, one in reversed(list(enumerate(all_contents))) if number not in deleted]
    assert [one for offset in range(0, 30, limit) for one in list_ids(None, limit, offset)] == expected
    assert {contents.find_page(ORG, None, limit, at).total for at in (0, 9, 40)} == {len(expected)}


@pytest.mark.parametrize(
    ("status", "changes", "then"),
    [
        (Status.DRAFT, {"title": "new"}, Status.DRAFT),
        (Status.DRAFT, {"status": Status.IN_REVIEW}, Status.IN_REVIEW),
        (Status.IN_REVIEW, {"text": "new"}, Status.IN_REVIEW),
        (Status.REJECTED, {"text": "new"}, Status.DRAFT),
        (Status.REJECTED, {"status": Status.IN_REVIEW}, Status.IN_REVIEW),
        (Status.PUBLISHED, {"text": "new", "tags": ("New",)}, Status.PUBLISHED),
    ],
)
def test_an_edit_changes_what_it_names_and_leaves_the_rest(
    world: World, status: Status, changes: dict[str, Any], then: Status
) -> None:
    content = publish() if status is Status.PUBLISHED else create()
    if status is Status.REJECTED:
        contents.reject(ORG, content.id, "bob")
    elif status is Status.IN_REVIEW:
        contents.update(ORG, content.id, {"status": status})
    world.clock.advance(5)
    edited = contents.update(ORG, content.id, changes)
    assert edited == reload(content)
    assert (edited.content.status, edited.content.updated_at) == (then, world.clock.now())
    assert edited.text == changes.get("text", DRAFT.text)
    assert edited.content.title == changes.get("title", DRAFT.title)
    require_consistent()


def test_an_edit_to_what_is_there_already_writes_nothing(world: World) -> None:
    content = create()
    with aws.counting() as calls:
        contents.update(ORG, content.id, {"title": DRAFT.title, "tags": ("AI", "Tech")})
    assert (reload(content).content, calls.total()) == (content, 1)


def test_what_is_about_to_be_published_cannot_be_edited_and_a_post_stays_one(world: World) -> None:
    approved = contents.approve(ORG, create().id, "bob", "Looks great!").content
    for changes in ({"text": "not approved"}, {"status": Status.DRAFT}):
        with pytest.raises(Conflict):
            contents.update(ORG, approved.id, changes)
    with pytest.raises(Conflict):
        contents.update(ORG, publish().id, {"status": Status.DRAFT})
    assert reload(approved).text == DRAFT.text


def test_a_decision_says_who_and_why_and_the_same_again_changes_nothing(world: World) -> None:
    content = create()
    for decide, status in ((contents.reject, Status.REJECTED), (contents.approve, Status.APPROVED)):
        world.clock.advance(1)
        decided = decide(ORG, content.id, "bob", "because").content
        assert (decided.status, decided.decided_by, decided.feedback) == (status, "bob", "because")
        assert decided.decided_at == world.clock.now()
        with aws.counting() as calls:
            assert decide(ORG, content.id, "eve", "other").content == decided
        assert calls.total() == 1
    with pytest.raises(Conflict):
        contents.reject(ORG, content.id, "bob")
    require_consistent()


def test_a_deleted_content_leaves_nothing_and_frees_its_slug(world: World) -> None:
    content = publish()
    contents.delete(ORG, content.id)
    with pytest.raises(NotFound):
        contents.get(ORG, content.id)
    assert publish().slug == content.slug
    contents.delete(ORG, stored_contents()[0].id)
    require_consistent()


def test_a_content_that_is_published_while_it_is_deleted_leaves_no_post(world: World) -> None:
    content = create()
    contents.approve(ORG, content.id, "bob")

    def publish_first(call: aws.Call, send: Callable[[], Any]) -> Any:
        with aws.without_interference():
            if call[1] == "TransactWriteItems" and not reload(content).content.is_published:
                publication.publish(ORG, content.id)
        return send()

    with aws.interfering(publish_first):
        contents.delete(ORG, content.id)
    assert stored_contents() == stored_contents(POST_RANK) == []
    require_consistent()


def test_changes_at_once_all_take_effect_and_are_counted_once(world: World) -> None:
    draft = create()
    outcomes = run_together(
        [
            lambda: contents.update(ORG, draft.id, {"title": "new"}),
            lambda: contents.update(ORG, draft.id, {"excerpt": "short"}),
            lambda: contents.update(ORG, draft.id, {"status": Status.IN_REVIEW}),
            lambda: contents.update(ORG, draft.id, {"tags": ("Other",)}),
        ]
    )
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    content = reload(draft).content
    assert (content.title, content.excerpt, content.status) == ("new", "short", Status.IN_REVIEW)
    assert content.tags == (Label("other", "Other"),)
    require_consistent()

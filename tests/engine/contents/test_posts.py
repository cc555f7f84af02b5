"""Public posts: found by slug, category and tag at a bounded cost, and served as safe HTML."""

import pytest

from chalicelib import config
from chalicelib.domain.contents.content import CATEGORY, TAG, Label, Post
from chalicelib.engine.contents import contents, posts
from chalicelib.engine.tasks import payloads
from chalicelib.errors import NotConfigured, NotFound, Unavailable
from chalicelib.storage.contents import contents as storage
from tests.engine.contents.helpers import create, publish, store_others
from tests.support import aws
from tests.support.extras import require_extra
from tests.support.world import ORG, World

require_extra("studio")


@pytest.fixture(autouse=True)
def cms(world: World) -> None:
    config.replace(cms_org=ORG)


def list_ids(limit: int = 100, skip: int = 0, **filters: str) -> list[str]:
    return [post.content.id for post in posts.find_page(limit, skip, **filters).posts]


def test_a_post_is_found_by_its_slug_with_one_call(world: World) -> None:
    content = publish()
    create("Not approved")
    with aws.counting() as calls:
        post = posts.get("a-title")
    assert (post.content, post.html, calls.total()) == (content, "<p>Some <em>words</em></p>\n", 1)
    for slug in ("not-approved", "a-title-2", content.id):
        with pytest.raises(NotFound):
            posts.get(slug)


def test_posts_are_listed_by_publication_newest_first_and_by_label(world: World) -> None:
    first, second = create(), create(tags=("AI", "Other"), category=None)
    all_contents = [publish(category="Business", tags=())]
    for content in (second, first):
        contents.approve(ORG, content.id, "bob")
        world.settle()
        all_contents.append(content)
    assert list_ids() == [first.id, second.id, all_contents[0].id]
    assert list_ids(tag="AI") == list_ids(tag="ai") == [first.id, second.id]
    assert list_ids(category="technology") == [first.id]
    assert list_ids(tag="none") == list_ids(category="AI") == []
    assert posts.find_labels(CATEGORY, 10).labels == [Label("business", "Business"), Label("technology", "Technology")]
    assert [label.name for label in posts.find_labels(TAG, 10).labels] == ["AI", "Other", "Tech"]
    contents.delete(ORG, first.id)
    assert list_ids(tag="AI") == [second.id]
    assert [label.name for label in posts.find_labels(TAG, 10).labels] == ["AI", "Other"]


def test_a_label_is_named_as_the_latest_post_names_it_also_when_another_is_deleted(world: World) -> None:
    old = publish(tags=("ai",), category="tech")
    publish(tags=("AI",), category="Tech")
    contents.delete(ORG, old.id)
    assert posts.find_labels(TAG, 10).labels == [Label("ai", "AI")]
    assert posts.find_labels(CATEGORY, 10).labels == [Label("tech", "Tech")]


def test_labels_are_paged(world: World) -> None:
    publish(tags=("a", "a b", "b", "c"))
    first = posts.find_labels(TAG, 3)
    assert [label.id for label in first.labels] == ["a", "a-b", "b"]
    rest = posts.find_labels(TAG, 3, first.cursor)
    assert ([label.id for label in rest.labels], rest.cursor) == (["c"], None)


def test_an_edit_of_a_post_is_shown_at_once(world: World) -> None:
    content = publish()
    contents.update(ORG, content.id, {"text": "new", "title": "New", "tags": ("New",)})
    post = posts.get("a-title")
    assert (post.html, post.content.title) == ("<p>new</p>\n", "New")
    assert (list_ids(tag="AI"), list_ids(tag="New")) == ([], [content.id])


def test_what_is_served_is_made_safe_even_if_what_is_stored_is_not(world: World) -> None:
    made = publish(text='[x](javascript:alert(1))<script>alert(1)</script><img src=x onerror="alert(1)">')
    assert "script" not in posts.get("a-title").html and "onerror" not in posts.get("a-title").html
    item = storage._post_item(Post(made, "<script>old</script><b>text</b>"))
    item.save()
    assert posts.get("a-title").html == posts.find_page(1).posts[0].html == "<b>text</b>"


def test_a_page_that_grows_too_large_ends_early_and_says_where_the_next_one_begins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts, "MAX_PAGE_CHARS", 250)
    all_contents = [publish(f"n {number}", text="x" * (100 if number else 1_000)) for number in range(4)]
    pages, skip = [], 0
    while skip is not None:
        page = posts.find_page(3, skip)
        pages.append([post.content.id for post in page.posts])
        assert page.total == 4
        skip = page.next_skip  # type: ignore[assignment]
    assert pages == [[all_contents[3].id, all_contents[2].id], [all_contents[1].id], [all_contents[0].id]]


def test_letters_beyond_ascii_count_as_what_lambda_makes_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posts, "MAX_PAGE_CHARS", 1_000)
    for number in range(3):
        publish(f"n {number}", text="\u8a9e" * 100)
    assert [len(posts.find_page(3, skip).posts) for skip in (0, 1, 2)] == [1, 1, 1]


def test_the_longest_text_whose_markup_grows_most_can_be_published(world: World) -> None:
    made = publish(text="[^1]" * 16_000 + "\n\n[^1]: a", tags=())
    assert made.post_chars > 1_000_000, "more than an item of DynamoDB holds"
    assert payloads.answer_chars(posts.get("a-title").html) == made.post_chars


COUNTS = (10, 100_000)


@pytest.mark.parametrize("count", COUNTS)
def test_a_post_and_a_page_cost_the_same_however_many_posts_there_are(world: World, count: int) -> None:
    post = publish()
    store_others(count)
    with aws.counting() as calls:
        posts.get(str(post.slug))
    assert calls.total() == 1
    for skip, budget in ((0, 2), (950, 2), (951, 3), (count // 2, 3), (count - 2, 3), (10**9, 3)):
        with aws.counting() as calls:
            page = posts.find_page(50, skip)
        assert calls.total() <= budget
        assert page.total == count + 1
        if skip < count:
            assert page.next_skip == (skip + 50 if skip + 50 <= count else None)


def test_status_is_measured(world: World) -> None:
    assert posts.read_status() == ("healthy", 0, None)
    publish()
    published_at = world.clock.now()
    world.clock.advance(5)
    create()
    with aws.counting() as calls:
        assert posts.read_status() == ("healthy", 1, published_at)
    assert calls.total() == 1

    def fail(*_: object) -> None:
        raise Unavailable("throttled")

    with aws.interfering(fail):
        assert posts.read_status() == ("degraded", None, None)


def test_nothing_is_public_unless_the_setting_names_an_org(world: World) -> None:
    publish()
    config.replace(cms_org="")
    for read in (lambda: posts.get("a-title"), lambda: posts.find_page(1), lambda: posts.find_labels(TAG, 1)):
        with pytest.raises(NotConfigured, match="CMS_ORG"):
            read()
    assert posts.read_status() == ("offline", None, None)
    config.replace(cms_org="umbra")
    assert list_ids() == []

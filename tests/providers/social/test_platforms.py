"""Every platform by its own protocol, against a fake that refuses what its documentation does not have."""

from typing import Any

import pytest

from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social.post import Image
from chalicelib.providers.http.outbound import Response, Unreachable
from chalicelib.providers.social import (
    Account,
    Figures,
    Trend,
    Undelivered,
    get_platform,
    get_trending,
    linkedin,
    twitter,
)
from chalicelib.providers.social import bluesky as at_protocol
from tests.domain.social.samples import sample
from tests.support.social import CREDENTIALS, CUT_OFF, DEAD, IMAGE_URL, JPEG, Platforms, platforms
from tests.support.world import World, answer

TEXT = "Read (this) at https://example.com/a_b #AI"
IMAGE = Image(IMAGE_URL, "a picture")
WITH_IMAGE = sample(content=TEXT, images=(IMAGE,), created_at=1_767_268_800_000)
FIGURES: dict[Platform, Figures] = {
    "twitter": Figures(5_000, 150, 50, 50),
    "linkedin": Figures(None, 7, None, 39),
    "instagram": Figures(5_000, 150, 50, 50),
    "mastodon": Figures(None, 11, 6, 7),
    "bluesky": Figures(None, 11, 6, 7),
}


@pytest.fixture
def fakes(world: World) -> Platforms:
    return platforms(world)


def connect_account(name: Platform, **options: str) -> Account:
    """Return an account as it is stored: with what the platform says of it."""
    given = CREDENTIALS[name] | options
    return {**given, **get_platform(name).verify(given).facts}


def publish(name: Platform, post: Any = WITH_IMAGE, **options: str) -> str:
    platform = get_platform(name)
    return platform.publish(platform.prepare(connect_account(name, **options), post)).id


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_post_with_an_image_is_published_counted_and_deleted(fakes: Platforms, name: Platform) -> None:
    identifier, platform = publish(name), get_platform(name)
    assert fakes.fake(name).published == {identifier: TEXT}
    assert platform.figures(connect_account(name), identifier) == FIGURES[name]
    if not platform.deletes:
        with pytest.raises(Undelivered, match="delete the post in its app"):
            platform.delete(connect_account(name), identifier)
        return
    for _ in range(2):  # one that is gone is no error
        platform.delete(connect_account(name), identifier)
    assert not fakes.fake(name).published


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("twitter", ("@acme", 10_000)),
        ("linkedin", ("Ada Lovelace", None)),
        ("instagram", ("@acme", 120)),
        ("mastodon", ("@acme@mastodon.example", 821)),
        ("bluesky", ("@acme.bsky.social", 42)),
    ],
)
def test_a_profile_is_what_the_platform_says(fakes: Platforms, name: Platform, profile: tuple[str, int | None]) -> None:
    assert get_platform(name).verify(CREDENTIALS[name])[:2] == profile
    with pytest.raises(Undelivered) as refused:
        get_platform(name).verify(
            {key: "wrong-one" if "." not in value else value for key, value in CREDENTIALS[name].items()}
        )
    assert refused.value.status in (400, 401)


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize(
    ("reply", "status", "final", "sent"),
    [
        (DEAD, None, False, True),
        (Unreachable("refused"), None, False, False),
        (answer(500, "<html>"), 500, False, False),
        (answer(429, retry_after="7"), 429, False, False),
        (answer(403, {"message": "no"}), 403, True, False),
        (answer(422, {"error": {"message": "no"}}), 422, True, False),
        (answer(302, location="https://elsewhere.example"), 302, True, False),
    ],
)
def test_the_reasons_why_a_post_is_not_published_are_distinguished(
    fakes: Platforms, name: Platform, reply: Any, status: int | None, final: bool, sent: bool
) -> None:
    draft = get_platform(name).prepare(connect_account(name), WITH_IMAGE)
    fakes.fake(name).reply = reply
    with pytest.raises(Undelivered) as refused:
        get_platform(name).publish(draft)
    assert (refused.value.status, refused.value.final, refused.value.sent) == (status, final, sent)
    assert refused.value.rest_ms == (7_000 if status == 429 else None)


@pytest.mark.parametrize("name", PLATFORMS)
def test_an_answer_that_is_cut_off_is_a_success_all_the_same(fakes: Platforms, name: Platform) -> None:
    draft = get_platform(name).prepare(connect_account(name), WITH_IMAGE)
    fakes.fake(name).reply = Response(201, {}, b'{"id": "1')
    assert get_platform(name).publish(draft).id == "unknown"


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("reply", [CUT_OFF, answer(200, {}), Response(200, {}, b"[1]"), Response(200, {}, b"<html>")])
def test_an_answer_of_something_else_is_no_figure_and_no_deletion(
    fakes: Platforms, name: Platform, reply: Response
) -> None:
    identifier, platform, account = publish(name), get_platform(name), connect_account(name)
    trending = get_trending(name)
    fakes.fake(name).reply = reply
    with pytest.raises(Undelivered, match="not the platform's"):
        platform.figures(account, identifier)
    if name != "linkedin" and platform.deletes:  # LinkedIn's own answer to a deletion is empty
        with pytest.raises(Undelivered, match="not the platform's"):
            platform.delete(account, identifier)
    if trending is not None and reply.body != b"[1]":
        with pytest.raises(Undelivered, match="not the platform's"):
            trending.trends(account)


def test_a_post_that_x_no_longer_has_is_no_row_of_nulls(fakes: Platforms) -> None:
    with pytest.raises(Undelivered, match="Could not find tweet"):
        get_platform("twitter").figures(connect_account("twitter"), "1445260924528721999")


@pytest.mark.parametrize("name", ["twitter", "linkedin", "mastodon", "bluesky"])
@pytest.mark.parametrize(
    ("reply", "final"),
    [
        (Response(200, {}, b"<svg>"), True),
        (Response(404, {}, b""), True),
        (Response(503, {}, b""), False),
        (Unreachable("too large"), True),
        (Unreachable("timed out"), False),
    ],
)
def test_an_address_without_an_image_publishes_nothing(
    fakes: Platforms, name: Platform, reply: Any, final: bool
) -> None:
    def serve(*_: Any) -> Response:
        if isinstance(reply, Exception):
            raise reply
        found: Response = reply
        return found

    fakes.world.servers["images.example"] = serve
    with pytest.raises(Undelivered, match="image") as refused:
        publish(name)
    assert refused.value.final is final and not fakes.fake(name).published


def test_x_is_called_with_the_keys_of_oauth_1(fakes: Platforms) -> None:
    keys = {"api_key": "k", "api_secret": "s", "access_token": "t", "access_token_secret": "u"}
    assert get_platform("twitter").verify(keys).name == "@acme"
    header = fakes.world.calls[-1][2]["authorization"]
    assert 'oauth_token="t"' in header and 'oauth_signature_method="HMAC-SHA1"' in header


def test_the_signature_is_that_of_the_documentation() -> None:
    """The example of docs.x.com, "Creating a signature"; its form's parameters are signed like those of the query."""
    account = {
        "api_key": "xvz1evFS4wEEPTGEFPHBog",
        "api_secret": "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
        "access_token": "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
        "access_token_secret": "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
    }
    url = "https://api.x.com/1.1/statuses/update.json?include_entities=true"
    url += "&status=Hello%20Ladies%20%2b%20Gentlemen%2c%20a%20signed%20OAuth%20request%21"
    nonce = "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"
    signed = twitter.sign(account, "POST", url, nonce=nonce, at_s=1_318_622_958)
    assert 'oauth_signature="Ls93hJiZbQ3akF3HF3x1Bz8%2FzU4%3D"' in signed


def test_trends_are_what_the_platform_says(fakes: Platforms) -> None:
    fakes.world.clock.advance(-12 * 3_600 + 6 * 3_600)  # six in the morning
    found = {name: get_trending(name) for name in PLATFORMS}
    assert [name for name, trending in found.items() if trending] == ["twitter", "mastodon"]
    x, mastodon = found["twitter"], found["mastodon"]
    assert x is not None and mastodon is not None
    assert x.trends(connect_account("twitter")) == [Trend("AI", 94_000), Trend("Python", 1_234)]
    assert mastodon.trends(connect_account("mastodon")) == [Trend("#hola", 1_000, 6.0)]


def test_x_shows_trends_to_premium_accounts_only(fakes: Platforms) -> None:
    """The answer that docs.x.com shows for any other account: without a name."""
    account, trending = connect_account("twitter"), get_trending("twitter")
    assert trending is not None
    row = {"category": "Unknown", "post_count": "Unknown", "trending_since": ""}
    fakes.twitter.reply = answer(200, {"data": [row]})
    with pytest.raises(Undelivered, match="X Premium only"):
        trending.trends(account)
    fakes.twitter.reply = answer(200, {"data": []})
    assert trending.trends(account) == []


def test_linkedin_gets_its_little_text_format() -> None:
    assert linkedin.commentary("50% (half) of #AI_2 is @you_*") == (
        "50% \\(half\\) of {hashtag|\\#|AI\\_2} is \\@you\\_\\*"
    )


def test_a_page_of_linkedin_says_its_followers_and_figures(fakes: Platforms) -> None:
    page = {"organization_id": "5515715"}
    assert get_platform("linkedin").verify(CREDENTIALS["linkedin"] | page)[:2] == ("Acme", 219_145)
    urn = publish("linkedin", **page)
    figures = get_platform("linkedin").figures(connect_account("linkedin", **page), urn)
    assert figures == Figures(5_000, 150, 50, 50)


def test_several_images_are_one_post(fakes: Platforms) -> None:
    post = WITH_IMAGE._replace(images=(IMAGE, IMAGE))
    for name in PLATFORMS:
        publish(name, post)
        assert len(fakes.fake(name).published) == 1
        assert len(fakes.fake(name).uploads) == (0 if name == "instagram" else 2)
    assert fakes.bluesky.uploads == [JPEG, JPEG]


def test_mastodon_and_bluesky_recognise_the_same_post(fakes: Platforms) -> None:
    for name in ("mastodon", "bluesky"):
        first = get_platform(name).prepare(connect_account(name), WITH_IMAGE)
        assert get_platform(name).publish(first).id == publish(name)
        assert len(fakes.fake(name).published) == 1


def test_instagram_says_a_limit_with_a_code(fakes: Platforms) -> None:
    account = connect_account("instagram")
    fakes.instagram.reply = answer(403, {"error": {"message": "Application request limit reached", "code": 4}})
    with pytest.raises(Undelivered) as refused:
        get_platform("instagram").figures(account, "1")
    assert (refused.value.status, refused.value.final) == (429, False)


def test_links_and_hashtags_have_their_places_in_bytes() -> None:
    found = at_protocol.facets("Grüße! https://example.com/a. #AI")
    assert [facet["index"] for facet in found] == [{"byteStart": 9, "byteEnd": 30}, {"byteStart": 32, "byteEnd": 35}]
    assert [facet["features"][0].get("uri", facet["features"][0].get("tag")) for facet in found] == [
        "https://example.com/a",
        "AI",
    ]


def test_the_key_of_a_record_sorts_by_time_and_differs_by_post() -> None:
    keys = [at_protocol.record_key(sample(created_at=at)) for at in (1, 2, 1_767_268_800_000, 1_767_268_800_001)]
    assert keys == sorted(keys)
    many = {at_protocol.record_key(sample(id=f"post_{number}")) for number in range(100)}
    assert len(many) == 100, "posts that are due at the same time replace one another"


@pytest.mark.parametrize("body", [b'[{"name": "tea\\ud83d", "history": []}]', b"[" * 100_000 + b"]" * 100_000])
def test_trends_that_cannot_be_read_do_no_harm(fakes: Platforms, body: bytes) -> None:
    account, trending = connect_account("mastodon"), get_trending("mastodon")
    fakes.mastodon.reply = Response(200, {}, body)
    assert trending is not None
    try:
        assert trending.trends(account)[0].topic == "#tea?"
    except Undelivered as refused:
        assert refused.final

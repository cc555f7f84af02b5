"""Social platforms behind one small interface, each by its own documented protocol.

An account is an org's credentials with a platform, and what the platform said of it when it was connected; all text. No
credential is ever part of an error's text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social.post import Post
from chalicelib.providers.messengers.provider_requests import Undelivered as Undelivered

Account = Mapping[str, str]


class Profile(NamedTuple):
    """Whose the credentials are, as the platform says. `followers` is None where it does not say."""

    name: str
    followers: int | None
    facts: Mapping[str, str] = {}
    """What is kept with the credentials, such as the account's id."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A post that is ready to be published by an account, with its uploaded images."""

    account: Account
    post: Post
    parts: Mapping[str, Any] = field(default_factory=dict)
    """What the platform's own request needs besides the text."""


class Published(NamedTuple):
    """The platform's id of what was published, and its address where the platform says it."""

    id: str
    url: str | None = None


class Figures(NamedTuple):
    """What a platform counts of a post; None where it does not say."""

    impressions: int | None = None
    likes: int | None = None
    shares: int | None = None
    comments: int | None = None


class Trend(NamedTuple):
    """A topic of many posts. `rate` is how often it is mentioned now, as a multiple of the day before."""

    topic: str
    mentions: int | None
    rate: float | None = None


class SocialPlatform(Protocol):
    """One platform. Every method raises Undelivered."""

    @property
    def credentials(self) -> Sequence[Sequence[str]]:
        """The sets of credentials with which an account can be connected: one of them is needed."""

    @property
    def options(self) -> Sequence[str]:
        """Further settings of an account, which may be left out."""

    @property
    def deletes(self) -> bool:
        """Whether a published post can be deleted by API."""

    def verify(self, account: Account) -> Profile:
        """Whose these credentials are."""

    def prepare(self, account: Account, post: Post) -> Draft:
        """Upload what the post needs. It can be repeated: nothing is published."""

    def publish(self, draft: Draft) -> Published:
        """Publish the post, with one request."""

    def delete(self, account: Account, identifier: str) -> None:
        """Delete a published post. One that is gone is no error."""

    def figures(self, account: Account, identifier: str) -> Figures:
        """What the platform counts of a published post."""


class Trending(Protocol):
    """A platform that says which topics are trending."""

    def trends(self, account: Account) -> list[Trend]:
        """The topics of many posts, as the platform orders them. Raises Undelivered."""


def get_platform(name: Platform) -> SocialPlatform:
    """The platform of this name."""
    from chalicelib.providers.social.bluesky import Bluesky
    from chalicelib.providers.social.instagram import Instagram
    from chalicelib.providers.social.linkedin import LinkedIn
    from chalicelib.providers.social.mastodon import Mastodon
    from chalicelib.providers.social.twitter import Twitter

    platforms: dict[Platform, SocialPlatform] = {
        "twitter": Twitter(),
        "linkedin": LinkedIn(),
        "instagram": Instagram(),
        "mastodon": Mastodon(),
        "bluesky": Bluesky(),
    }
    return platforms[name]


def get_trending(name: Platform) -> Trending | None:
    """The platform of this name, if it says what is trending."""
    from chalicelib.providers.social.mastodon import Mastodon
    from chalicelib.providers.social.twitter import Twitter

    trending: dict[Platform, Trending] = {"twitter": Twitter(), "mastodon": Mastodon()}
    return trending.get(name)

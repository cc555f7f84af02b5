"""What platforms say of published posts, and of what is trending. What they do not say is None."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

from chalicelib import clock
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.deliveries.receivers import PLATFORMS, Platform
from chalicelib.domain.social.post import PlatformPost
from chalicelib.engine.social import accounts, posts
from chalicelib.engine.social.accounts import SocialAccount
from chalicelib.engine.ttl_cache import TtlCache
from chalicelib.errors import Conflict, InvalidRequest, NotConfigured
from chalicelib.providers.social import Figures, get_platform, get_trending
from chalicelib.providers.social import Trend as Trend

TRENDS_TTL_MS = 5 * clock.MINUTE
RISING, FALLING = 1.2, 0.8
"""Mentions now, as multiples of the day before, from which on a topic rises or falls."""
Velocity = Literal["rising", "stable", "falling"]

_cached: TtlCache[tuple[str, Platform, int], list[Trend]] = TtlCache(TRENDS_TTL_MS)


def read_figures(org: str, identifier: str) -> Figures:
    """What the platforms count of a post, together; None where one of them does not count it. Five calls.

    Raises NotFound; Conflict for a post that is not published; NotConfigured; Unavailable.
    """
    published = [one for one in posts.get(org, identifier) if one.status == "published"]
    if not published:
        raise Conflict("The post is not published: there is nothing to count yet")
    platforms = [platform for platform in PLATFORMS if any(platform == one.delivery.receiver for one in published)]
    connected = accounts.require(org, platforms)
    pairs = list(zip(published, (connected[platform] for platform in platforms), strict=True))
    with ThreadPoolExecutor(max_workers=len(pairs)) as threads:
        return _sum(list(threads.map(lambda pair: _read(org, *pair), pairs)))


def _read(org: str, on_platform: PlatformPost, account: SocialAccount) -> Figures:
    receipt = on_platform.delivery.receipts[0]
    if receipt == UNKNOWN_RECEIPT:
        return Figures()
    return accounts.ask(org, account, lambda: get_platform(account.platform).figures(account.settings, receipt))


def _sum(figures: Sequence[Figures]) -> Figures:
    totals = ([count for count in counts if count is not None] for counts in zip(*figures, strict=True))
    return Figures(*(sum(counts) if len(counts) == len(figures) else None for counts in totals))


class Analytics(NamedTuple):
    """Figures, and what follows from them."""

    figures: Figures

    @property
    def engagements(self) -> int | None:
        """Likes, shares and comments; None unless all are known."""
        counts = [count for count in self.figures[1:] if count is not None]
        return sum(counts) if len(counts) == len(self.figures) - 1 else None

    @property
    def engagement_rate(self) -> float | None:
        """Engagements for each impression; None without both."""
        if self.engagements is None or not self.figures.impressions:
            return None
        return round(self.engagements / self.figures.impressions, 4)


def list_trends(org: str, platform: Platform | None) -> list[Trend]:
    """What is trending on a platform, or on the first that is connected and says so. One call; three where nothing is
    cached. Raises InvalidRequest for a platform that does not say it, NotConfigured, Unavailable."""
    able = [name for name in PLATFORMS if get_trending(name) is not None]
    if platform is not None and platform not in able:
        problem = f"{platform} does not say what is trending; {', '.join(able)} do"
        raise InvalidRequest(f"platform: {problem}", fields={"platform": problem})
    connected = accounts.find(org, able if platform is None else [platform])
    if not connected:
        names = platform or " or ".join(able)
        raise NotConfigured(f"Not connected: {names}. Connect an account with POST /api/social/connect.")
    account = next(iter(connected.values()))
    key = (org, account.platform, account.connected_at)
    cached = _cached.get(key)
    return cached if cached is not None else _cached.put(key, _ask_trends(org, account))


def _ask_trends(org: str, account: SocialAccount) -> list[Trend]:
    trending = get_trending(account.platform)
    assert trending is not None
    return accounts.ask(org, account, lambda: trending.trends(account.settings))


def velocity(trend: Trend) -> Velocity | None:
    """Whether a topic is mentioned more or less than the day before; None where the platform does not say."""
    if trend.rate is None:
        return None
    if trend.rate >= RISING:
        return "rising"
    return "falling" if trend.rate <= FALLING else "stable"

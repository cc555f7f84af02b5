"""Mastodon and servers that speak its API (docs.joinmastodon.org): `POST /api/v1/statuses`, which takes an
Idempotency-Key: the same key gives the same status."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib import clock
from chalicelib.domain import foreign_json
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.social.post import Post
from chalicelib.providers.http import outbound
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Undelivered
from chalicelib.providers.social import Account, Draft, Figures, Profile, Published, Trend, calls
from chalicelib.providers.social.calls import ImageFile

PROCESSING = 206
"""The status of media that are not ready yet."""
POLLS, POLL_SECONDS = 5, 1.0


class Mastodon:
    """Credentials: the address of the `instance`, and an `access_token` with the scopes read and write."""

    credentials = (("instance", "access_token"),)
    options = ()
    deletes = True

    def verify(self, account: Account) -> Profile:
        user = _call(account, "GET", "/api/v1/accounts/verify_credentials").json
        name = calls.require_text(user.get("username"))
        host = urlsplit(account["instance"]).netloc
        facts = {"username": name, "max_length": _max_length(account)}
        return Profile(f"@{name}@{host}", calls.whole_number(user.get("followers_count")), facts)

    def prepare(self, account: Account, post: Post) -> Draft:
        media = calls.upload_images(post, lambda image: _upload(account, image))
        return Draft(account, post, {"media_ids": media} if media else {})

    def publish(self, draft: Draft) -> Published:
        response = _call(
            draft.account,
            "POST",
            "/api/v1/statuses",
            {"status": draft.post.text, **draft.parts},
            {"idempotency-key": draft.post.id},
            needs_body=provider_requests.is_refusal_of_message,
        )
        url = response.json.get("url")
        return Published(calls.text(response.json.get("id")) or UNKNOWN_RECEIPT, url if isinstance(url, str) else None)

    def delete(self, account: Account, identifier: str) -> None:
        with calls.gone_is_deleted():
            response = _call(account, "DELETE", f"/api/v1/statuses/{quote(identifier, safe='')}")
            calls.require_text(response.json.get("id"))

    def figures(self, account: Account, identifier: str) -> Figures:
        status = _call(account, "GET", f"/api/v1/statuses/{quote(identifier, safe='')}").json
        calls.require_text(status.get("id"))
        return Figures(
            likes=calls.whole_number(status.get("favourites_count")),
            shares=calls.whole_number(status.get("reblogs_count")),
            comments=calls.whole_number(status.get("replies_count")),
        )

    def trends(self, account: Account) -> list[Trend]:
        body = _call(account, "GET", "/api/v1/trends/tags?limit=20").body
        try:
            rows = foreign_json.parse(body)
        except ValueError:
            raise calls.unexpected_answer() from None
        return [_read_tag(tag) for tag in calls.require_rows(rows) if tag.get("name")]


def _read_tag(tag: Any) -> Trend:
    """The `history` has each day's uses, today's first."""
    history = tag.get("history")
    days = [calls.mapping(day) for day in history] if isinstance(history, list) else []
    uses = [int(text) for day in days if (text := calls.text(day.get("uses"))).isdecimal()]
    return Trend(f"#{calls.text(tag['name'])}", sum(uses) if uses else None, _rate(uses))


def _rate(uses: list[int]) -> float | None:
    """Today's uses for each hour of today, as a multiple of yesterday's. None in the first hour of the day (UTC)."""
    now = datetime.fromtimestamp(clock.now() / clock.SECOND, UTC)
    hours = now.hour + now.minute / 60
    if len(uses) < 2 or hours < 1 or not uses[1]:
        return None
    return (uses[0] / hours) / (uses[1] / 24)


def _max_length(account: Account) -> str:
    """The characters that the instance takes; an empty text where it does not say."""
    try:
        instance = _call(account, "GET", "/api/v2/instance").json
    except Undelivered:
        return ""
    statuses = calls.mapping(calls.mapping(instance.get("configuration")).get("statuses"))
    return calls.text(calls.whole_number(statuses.get("max_characters")))


def _upload(account: Account, image: ImageFile) -> str:
    body, content_type = calls.form_with_file("file", image, {"description": image.alt_text})
    response = _call(account, "POST", "/api/v2/media", body, {"content-type": content_type})
    media = calls.require_text(response.json.get("id"))
    for _ in range(POLLS if response.status == 202 else 0):
        clock.sleep(POLL_SECONDS)
        if _call(account, "GET", f"/api/v1/media/{quote(media, safe='')}").status != PROCESSING:
            return media
    if response.status == 202:
        raise Undelivered("the platform is still working on an image")
    return media


def _call(
    account: Account,
    method: str,
    path: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    *,
    needs_body: outbound.NeedsBody = outbound.always,
) -> ProviderResponse:
    all_headers = {"authorization": f"Bearer {account['access_token']}", **(headers or {})}
    url = f"{provider_requests.base_url(account['instance'])}{path}"
    return calls.call(method, url, all_headers, body, needs_body=needs_body)

"""X (docs.x.com, API v2): `POST /2/tweets`, with a user's OAuth 2.0 token or the four keys of OAuth 1.0a.

The keys of OAuth 1.0a do not expire; a token of OAuth 2.0 is valid for two hours.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from chalicelib import clock, ids
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.social.post import Post
from chalicelib.providers.http import outbound
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Undelivered
from chalicelib.providers.social import Account, Draft, Figures, Profile, Published, Trend, calls
from chalicelib.providers.social.calls import ImageFile

URL = "https://api.x.com/2"
_KEYS = ("api_key", "api_secret", "access_token", "access_token_secret")
_POST_COUNT = re.compile(r"([\d.,]+)\s*([KM]?)", re.ASCII)
_FACTORS = {"": 1, "K": 1_000, "M": 1_000_000}


class Twitter:
    """X, by the name that the document of the API gives it."""

    credentials = (_KEYS, ("access_token",))
    options = ()
    deletes = True

    def verify(self, account: Account) -> Profile:
        user = calls.mapping(_call(account, "GET", "/users/me?user.fields=public_metrics").json.get("data"))
        followers = calls.mapping(user.get("public_metrics")).get("followers_count")
        name = calls.require_text(user.get("username"))
        return Profile(f"@{name}", calls.whole_number(followers), {"username": name})

    def prepare(self, account: Account, post: Post) -> Draft:
        media = calls.upload_images(post, lambda image: _upload(account, image))
        return Draft(account, post, {"media": {"media_ids": media}} if media else {})

    def publish(self, draft: Draft) -> Published:
        body = {"text": draft.post.text, **draft.parts}
        needs_body = provider_requests.is_refusal_of_message
        response = _call(draft.account, "POST", "/tweets", body, needs_body=needs_body)
        tweet = calls.text(calls.mapping(response.json.get("data")).get("id"))
        url = f"https://x.com/{draft.account.get('username', 'i')}/status/{tweet}" if tweet else None
        return Published(tweet or UNKNOWN_RECEIPT, url)

    def delete(self, account: Account, identifier: str) -> None:
        with calls.gone_is_deleted():
            response = _call(account, "DELETE", f"/tweets/{quote(identifier, safe='')}")
            calls.require_mapping(response.json.get("data"))

    def figures(self, account: Account, identifier: str) -> Figures:
        response = _call(account, "GET", f"/tweets/{quote(identifier, safe='')}?tweet.fields=public_metrics")
        metrics = calls.require_mapping(_require_data(response).get("public_metrics"))
        counts = {name: calls.whole_number(value) for name, value in metrics.items()}
        return Figures(
            impressions=counts.get("impression_count"),
            likes=counts.get("like_count"),
            shares=calls.total(counts.get("retweet_count"), counts.get("quote_count")),
            comments=counts.get("reply_count"),
        )

    def trends(self, account: Account) -> list[Trend]:
        response = _call(account, "GET", "/users/personalized_trends")
        rows = calls.require_rows(response.json.get("data"))
        named = [(calls.text(row.get("trend_name")), row.get("post_count")) for row in rows if row.get("trend_name")]
        if rows and not named:
            raise Undelivered("X shows trends to accounts with X Premium only", final=True)
        return [Trend(name, _read_post_count(count)) for name, count in named]


def _require_data(response: ProviderResponse) -> Mapping[str, Any]:
    """What a 200 says of a post. X explains with a 200, too, why it has nothing to say, such as of a deleted post."""
    words = calls.text(calls.first(response.json.get("errors")).get("detail"))
    if words and "data" not in response.json:
        raise Undelivered(words, final=True)
    return calls.require_mapping(response.json.get("data"))


def _read_post_count(text: Any) -> int | None:
    """`94K posts` as a number; None where X says none."""
    match = _POST_COUNT.match(text) if isinstance(text, str) else None
    if match is None:
        return calls.whole_number(text)
    try:
        return round(float(match[1].replace(",", "")) * _FACTORS[match[2]])
    except ValueError:
        return None


def _upload(account: Account, image: ImageFile) -> str:
    body, content_type = calls.form_with_file("media", image, {"media_category": "tweet_image"})
    response = _call(account, "POST", "/media/upload", body, content_type=content_type)
    media = calls.require_text(calls.mapping(response.json.get("data")).get("id"))
    if image.alt_text:
        about = {"id": media, "metadata": {"alt_text": {"text": image.alt_text[:1_000]}}}
        _call(account, "POST", "/media/metadata", about)
    return media


def _call(
    account: Account,
    method: str,
    path: str,
    body: Any = None,
    *,
    content_type: str = "application/json",
    needs_body: outbound.NeedsBody = outbound.always,
) -> ProviderResponse:
    url = f"{URL}{path}"
    headers = {"authorization": _authorization(account, method, url)}
    headers |= {"content-type": content_type} if body is not None else {}
    return calls.call(method, url, headers, body, needs_body=needs_body)


def _authorization(account: Account, method: str, url: str) -> str:
    if "api_key" not in account:
        return f"Bearer {account['access_token']}"
    return sign(account, method, url, nonce=ids.new("n"), at_s=clock.now() // clock.SECOND)


def sign(account: Account, method: str, url: str, *, nonce: str, at_s: int) -> str:
    """The Authorization header of OAuth 1.0a (RFC 5849). A body of JSON or with a file is not signed."""
    parts = urlsplit(url)
    parameters = {
        "oauth_consumer_key": account["api_key"],
        "oauth_nonce": nonce,
        "oauth_signature_method": "HMAC-SHA1",
        "oauth_timestamp": str(at_s),
        "oauth_token": account["access_token"],
        "oauth_version": "1.0",
    }
    pairs = [*parameters.items(), *parse_qsl(parts.query, keep_blank_values=True)]
    encoded = sorted((_encode(name), _encode(value)) for name, value in pairs)
    signed = "&".join(f"{name}={value}" for name, value in encoded)
    base = "&".join((method, _encode(f"{parts.scheme}://{parts.netloc}{parts.path}"), _encode(signed)))
    key = f"{_encode(account['api_secret'])}&{_encode(account['access_token_secret'])}"
    digest = hmac.digest(key.encode(), base.encode(), hashlib.sha1)
    parameters["oauth_signature"] = base64.b64encode(digest).decode()
    return "OAuth " + ", ".join(f'{_encode(name)}="{_encode(value)}"' for name, value in sorted(parameters.items()))


def _encode(text: str) -> str:
    return quote(text, safe="-._~")

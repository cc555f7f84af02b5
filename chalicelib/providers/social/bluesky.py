"""Bluesky (docs.bsky.app, atproto.com): a post is a record of the account's repository.

The record has a key that belongs to the post. `putRecord` with the same key and content changes nothing, so that a
request whose answer was lost can be repeated.
"""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from chalicelib import clock
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.social import texts
from chalicelib.domain.social.post import Post
from chalicelib.providers.http import outbound
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Undelivered
from chalicelib.providers.social import Account, Draft, Figures, Profile, Published, calls
from chalicelib.providers.social.calls import ImageFile

URL = "https://bsky.social"
COLLECTION = "app.bsky.feed.post"
MAX_IMAGE_BYTES = 1_000_000
_TID_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_LINK, _TAG = "app.bsky.richtext.facet#link", "app.bsky.richtext.facet#tag"


class Bluesky:
    """Credentials: the handle or email address as `identifier`, and an `app_password`. Option: the `service`, the
    account's own server."""

    credentials = (("identifier", "app_password"),)
    options = ("service",)
    deletes = True

    def verify(self, account: Account) -> Profile:
        session = _sign_in(account)
        profile = _call(session, "GET", "app.bsky.actor.getProfile", query={"actor": session["did"]}).json
        facts = {"did": session["did"], "handle": session["handle"]}
        return Profile(f"@{session['handle']}", calls.whole_number(profile.get("followersCount")), facts)

    def prepare(self, account: Account, post: Post) -> Draft:
        session = _sign_in(account)
        images = calls.upload_images(post, lambda image: _upload(session, image))
        embed = {"embed": {"$type": "app.bsky.embed.images", "images": images}} if images else {}
        return Draft(account, post, {"session": session, "record": _record(post) | embed})

    def publish(self, draft: Draft) -> Published:
        session, key = draft.parts["session"], record_key(draft.post)
        body = {"repo": session["did"], "collection": COLLECTION, "rkey": key, "record": draft.parts["record"]}
        needs_body = provider_requests.is_refusal_of_message
        response = _call(session, "POST", "com.atproto.repo.putRecord", body, needs_body=needs_body)
        url = f"https://bsky.app/profile/{session['handle']}/post/{key}"
        return Published(calls.text(response.json.get("uri")) or UNKNOWN_RECEIPT, url)

    def delete(self, account: Account, identifier: str) -> None:
        session = _sign_in(account)
        body = {"repo": session["did"], "collection": COLLECTION, "rkey": identifier.rpartition("/")[2]}
        _call(session, "POST", "com.atproto.repo.deleteRecord", body)

    def figures(self, account: Account, identifier: str) -> Figures:
        response = _call(_sign_in(account), "GET", "app.bsky.feed.getPosts", query={"uris": identifier})
        names = ("likeCount", "repostCount", "quoteCount", "replyCount")
        post = calls.first(calls.require_rows(response.json.get("posts")))
        likes, reposts, quotes, replies = (calls.whole_number(post.get(name)) for name in names)
        return Figures(likes=likes, shares=calls.total(reposts, quotes), comments=replies)


def record_key(post: Post) -> str:
    """The key of the post's record, a TID (atproto.com/specs/tid): 53 bits of microseconds and 10 of a clock's id.

    The clock's id and the microsecond within the millisecond are of the post's id: many posts can be due at 9:00, and
    the second one of two with the same key would replace the first one.
    """
    microsecond, clock_id = divmod(int.from_bytes(hashlib.sha256(post.id.encode()).digest()[:8]) % 1_024_000, 1_024)
    value = (post.due_at * 1000 + microsecond & (1 << 53) - 1) << 10 | clock_id
    return "".join(_TID_ALPHABET[value >> shift & 31] for shift in range(60, -1, -5))


def _record(post: Post) -> dict[str, Any]:
    """The record, always the same for the same post."""
    at = datetime.fromtimestamp(post.due_at / clock.SECOND, UTC).isoformat(timespec="milliseconds")
    record = {"$type": COLLECTION, "text": post.text, "createdAt": at.replace("+00:00", "Z")}
    found = facets(post.text)
    return record | ({"facets": found} if found else {})


def facets(text: str) -> list[dict[str, Any]]:
    """Where the text has links and hashtags, in bytes: nothing else makes them ones."""
    links = [(match, {"$type": _LINK, "uri": match[0]}) for match in texts.URL.finditer(text)]
    tags = [(match, {"$type": _TAG, "tag": match[0][1:]}) for match in texts.HASHTAG.finditer(text)]
    return [
        {
            "index": {"byteStart": len(text[: match.start()].encode()), "byteEnd": len(text[: match.end()].encode())},
            "features": [feature],
        }
        for match, feature in (*links, *tags)
    ]


def _upload(session: dict[str, str], image: ImageFile) -> dict[str, Any]:
    if len(image.content) > MAX_IMAGE_BYTES:
        raise Undelivered(f"Bluesky takes images of up to {MAX_IMAGE_BYTES} bytes", final=True)
    headers = {"content-type": image.media_type}
    blob = _call(session, "POST", "com.atproto.repo.uploadBlob", image.content, headers).json.get("blob")
    if not calls.mapping(blob):
        raise calls.unexpected_answer()
    return {"alt": image.alt_text, "image": blob}


def _sign_in(account: Account) -> dict[str, str]:
    """A session: its token, and whose it is."""
    url = provider_requests.base_url(account.get("service", URL))
    body = {"identifier": account["identifier"], "password": account["app_password"]}
    answer = calls.call("POST", f"{url}/xrpc/com.atproto.server.createSession", {}, body).json
    token = answer.get("accessJwt")
    names = {name: calls.require_text(answer.get(name)) for name in ("did", "handle")}
    return {"url": url, "token": token if isinstance(token, str) else "", **names}


def _call(
    session: dict[str, str],
    method: str,
    name: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    *,
    query: dict[str, str] | None = None,
    needs_body: outbound.NeedsBody = outbound.always,
) -> ProviderResponse:
    url = f"{session['url']}/xrpc/{name}{'?' + urlencode(query) if query else ''}"
    all_headers = {"authorization": f"Bearer {session['token']}", **(headers or {})}
    return calls.call(method, url, all_headers, body, needs_body=needs_body)

"""Instagram (developers.facebook.com, "Content Publishing"): a container is made first, then it is published.

It publishes images only, fetches them itself, and deletes nothing by API.
"""

from typing import Any
from urllib.parse import quote

from chalicelib import clock
from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.social.post import Post
from chalicelib.providers.http import outbound
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse, Undelivered
from chalicelib.providers.social import Account, Draft, Figures, Profile, Published, calls

URL = "https://graph.instagram.com/v23.0"
POLLS, POLL_SECONDS = 5, 1.0
_THROTTLING_CODES = frozenset({4, 17, 32, 613, 80002})


class Instagram:
    """Credentials: an `access_token` of a professional account."""

    credentials = (("access_token",),)
    options = ()
    deletes = False

    def verify(self, account: Account) -> Profile:
        user = _call(account, "GET", "/me?fields=user_id,username,followers_count").json
        facts = {"user_id": calls.require_text(user.get("user_id"))}
        name = calls.require_text(user.get("username"))
        return Profile(f"@{name}", calls.whole_number(user.get("followers_count")), facts)

    def prepare(self, account: Account, post: Post) -> Draft:
        caption = {"caption": post.text}
        if len(post.images) == 1:
            container = _create_container(account, {"image_url": post.images[0].url} | caption)
        else:
            each = ({"image_url": image.url, "is_carousel_item": True} for image in post.images)
            children = [_create_container(account, fields) for fields in each]
            container = _create_container(account, {"media_type": "CAROUSEL", "children": ",".join(children)} | caption)
        return Draft(account, post, {"creation_id": container})

    def publish(self, draft: Draft) -> Published:
        needs_body = provider_requests.is_refusal_of_message
        path = f"/{draft.account['user_id']}/media_publish"
        media = _call(draft.account, "POST", path, dict(draft.parts), needs_body=needs_body).json.get("id")
        return Published(calls.text(media) or UNKNOWN_RECEIPT)

    def delete(self, account: Account, identifier: str) -> None:  # noqa: ARG002
        raise Undelivered("Instagram deletes nothing by API: delete the post in its app", final=True)

    def figures(self, account: Account, identifier: str) -> Figures:
        path = f"/{quote(identifier, safe='')}/insights?metric=views,likes,shares,comments"
        metrics = calls.require_rows(_call(account, "GET", path).json.get("data"))
        counts = {calls.text(row.get("name")): calls.first(row.get("values")).get("value") for row in metrics}
        return Figures(*(calls.whole_number(counts.get(name)) for name in ("views", "likes", "shares", "comments")))


def _create_container(account: Account, fields: dict[str, Any]) -> str:
    """A container whose image Instagram has fetched."""
    made = calls.require_text(_call(account, "POST", f"/{account['user_id']}/media", fields).json.get("id"))
    for _ in range(POLLS):
        status = _call(account, "GET", f"/{quote(made, safe='')}?fields=status_code").json.get("status_code")
        if status == "FINISHED":
            return made
        if status in ("ERROR", "EXPIRED"):
            raise Undelivered("Instagram cannot use an image: it takes JPEG at a public address", final=True)
        clock.sleep(POLL_SECONDS)
    raise Undelivered("the platform is still working on an image")


def _call(
    account: Account, method: str, path: str, body: Any = None, *, needs_body: outbound.NeedsBody = outbound.always
) -> ProviderResponse:
    headers = {"authorization": f"Bearer {account['access_token']}"}
    response = provider_requests.send_request(method, f"{URL}{path}", body, headers, needs_body=needs_body)
    if not response.is_success:
        raise _refusal(response)
    return response


def _refusal(response: ProviderResponse) -> Undelivered:
    """Limits of the rate come with status 400 or 403 and a code of their own."""
    refusal = calls.refusal(response)
    if calls.mapping(response.json.get("error")).get("code") not in _THROTTLING_CODES:
        return refusal
    return Undelivered(str(refusal), status=429, rest_ms=refusal.rest_ms or clock.HOUR)

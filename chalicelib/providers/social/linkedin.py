"""LinkedIn (learn.microsoft.com/linkedin, "Posts API"): `POST /rest/posts`, for a member or an organization."""

import re
from typing import Any
from urllib.parse import quote

from chalicelib.domain.deliveries.notification import UNKNOWN_RECEIPT
from chalicelib.domain.social import texts
from chalicelib.domain.social.post import Post
from chalicelib.providers.http import outbound
from chalicelib.providers.messengers import provider_requests
from chalicelib.providers.messengers.provider_requests import ProviderResponse
from chalicelib.providers.social import Account, Draft, Figures, Profile, Published, calls
from chalicelib.providers.social.calls import ImageFile

URL = "https://api.linkedin.com"
DEFAULT_VERSION = "202605"
"""LinkedIn serves a version for at least a year."""
_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
"""The characters that the little text format reserves; LinkedIn cuts a text at one that is not escaped."""


class LinkedIn:
    """Credentials: an `access_token`. Options: the `organization_id` of a page, and another `api_version`."""

    credentials = (("access_token",),)
    options = ("organization_id", "api_version")
    deletes = True

    def verify(self, account: Account) -> Profile:
        if "organization_id" in account:
            return _verify_organization(account, account["organization_id"])
        user = _call(account, "GET", "/v2/userinfo").json
        urn = f"urn:li:person:{calls.require_text(user.get('sub'))}"
        return Profile(calls.text(user.get("name")) or urn, None, {"author": urn})

    def prepare(self, account: Account, post: Post) -> Draft:
        images = calls.upload_images(post, lambda image: _upload(account, image))
        if not images:
            return Draft(account, post)
        content = {"media": images[0]} if len(images) == 1 else {"multiImage": {"images": images}}
        return Draft(account, post, {"content": content})

    def publish(self, draft: Draft) -> Published:
        distribution = {"feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": []}
        body = {
            "author": draft.account["author"],
            "commentary": commentary(draft.post.text),
            "visibility": "PUBLIC",
            "distribution": distribution,
            **draft.parts,
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        needs_body = provider_requests.is_refusal_of_message
        headers = _call(draft.account, "POST", "/rest/posts", body, needs_body=needs_body).headers
        urn = headers.get("x-restli-id", "")[:256]
        return Published(urn or UNKNOWN_RECEIPT, f"https://www.linkedin.com/feed/update/{urn}/" if urn else None)

    def delete(self, account: Account, identifier: str) -> None:
        with calls.gone_is_deleted():
            _call(account, "DELETE", f"/rest/posts/{quote(identifier, safe='')}")

    def figures(self, account: Account, identifier: str) -> Figures:
        if "organization_id" in account:
            return _organization_figures(account, identifier)
        answer = _call(account, "GET", f"/rest/socialMetadata/{quote(identifier, safe='')}").json
        comments = calls.require_mapping(answer.get("commentSummary")).get("count")
        reactions = calls.mapping(answer.get("reactionSummaries")).values()
        counts = [calls.whole_number(calls.mapping(reaction).get("count")) for reaction in reactions]
        return Figures(likes=calls.total(*counts), comments=calls.whole_number(comments))


def commentary(text: str) -> str:
    """The text in LinkedIn's little format: hashtags as such, and every other reserved character escaped."""
    pieces, end = list[str](), 0
    for match in texts.HASHTAG.finditer(text):
        pieces += [_escape(text[end : match.start()]), f"{{hashtag|\\#|{_escape(match[0][1:])}}}"]
        end = match.end()
    return "".join([*pieces, _escape(text[end:])])


def _escape(text: str) -> str:
    return _RESERVED.sub(r"\\\g<0>", text)


def _verify_organization(account: Account, organization: str) -> Profile:
    urn = f"urn:li:organization:{organization}"
    name = _call(account, "GET", f"/rest/organizations/{quote(organization, safe='')}").json.get("localizedName")
    path = f"/rest/networkSizes/{quote(urn, safe='')}?edgeType=COMPANY_FOLLOWED_BY_MEMBER"
    size = calls.whole_number(_call(account, "GET", path).json.get("firstDegreeSize"))
    return Profile(calls.require_text(name), size, {"author": urn})


def _organization_figures(account: Account, identifier: str) -> Figures:
    kind = "ugcPosts" if identifier.startswith("urn:li:ugcPost:") else "shares"
    organization, urn = quote(account["author"], safe=""), quote(identifier, safe="")
    query = f"q=organizationalEntity&organizationalEntity={organization}&{kind}=List({urn})"
    answer = _call(account, "GET", f"/rest/organizationalEntityShareStatistics?{query}").json
    counts = calls.mapping(calls.first(calls.require_rows(answer.get("elements"))).get("totalShareStatistics"))
    names = ("impressionCount", "likeCount", "shareCount", "commentCount")
    return Figures(*(calls.whole_number(counts.get(name)) for name in names))


def _upload(account: Account, image: ImageFile) -> dict[str, str]:
    """Ask for an address, and put the image there."""
    body = {"initializeUploadRequest": {"owner": account["author"]}}
    answer = _call(account, "POST", "/rest/images?action=initializeUpload", body).json
    value = calls.mapping(answer.get("value"))
    urn, url = calls.require_text(value.get("image")), value.get("uploadUrl")
    headers = {"authorization": f"Bearer {account['access_token']}", "content-type": image.media_type}
    calls.call("PUT", url if isinstance(url, str) else "", headers, image.content, needs_body=outbound.never)
    return {"id": urn, **({"altText": image.alt_text} if image.alt_text else {})}


def _call(
    account: Account, method: str, path: str, body: Any = None, *, needs_body: outbound.NeedsBody = outbound.always
) -> ProviderResponse:
    headers = {
        "authorization": f"Bearer {account['access_token']}",
        "linkedin-version": account.get("api_version", DEFAULT_VERSION),
        "x-restli-protocol-version": "2.0.0",
    }
    return calls.call(method, f"{URL}{path}", headers, body, needs_body=needs_body)

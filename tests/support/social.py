"""Fake social platforms that accept and answer requests as their documentation says, and refuse all others.

`published` has what each has published, by its id. `lost` is the number of answers that are not sent: the platform has
published the post, and the caller gets no answer.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.domain.deliveries.receivers import Platform
from chalicelib.domain.social import texts
from chalicelib.engine.social import accounts
from chalicelib.providers.http.outbound import Response, Unreachable
from tests.support.world import ORG, World, answer

TOKEN, PASSWORD = "social-token-0123456789", "abcd-efgh-ijkl-mnop"
CREDENTIALS: dict[Platform, dict[str, str]] = {
    "twitter": {"access_token": TOKEN},
    "linkedin": {"access_token": TOKEN},
    "instagram": {"access_token": TOKEN},
    "mastodon": {"instance": "https://mastodon.example", "access_token": TOKEN},
    "bluesky": {"identifier": "acme.bsky.social", "app_password": PASSWORD},
}
IMAGE_URL = "https://images.example/one.jpg"
JPEG = b"\xff\xd8\xff\xe0 a picture"
DEAD = Unreachable("timed out")
CUT_OFF = Response(200, {}, b'{"id": "1')
Reply = Response | Unreachable | Callable[[], Response]


@dataclass
class FakePlatform:
    """One platform. `reply`, if set, is its answer to every request."""

    reply: Reply | None = None
    lost: int = 0
    published: dict[str, Any] = field(default_factory=dict)
    uploads: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def request(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Response:
        parts = urlsplit(url)
        self.requests.append((method, parts.path))
        if isinstance(self.reply, Exception):
            raise self.reply
        if self.reply is not None:
            return self.reply() if callable(self.reply) else self.reply
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        return self.answer(method, parts.path, query, headers, _read(headers, body))

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        raise NotImplementedError

    def publish(self, identifier: str, post: Any, response: Response) -> Response:
        """Publish it, and answer unless the answer is lost."""
        self.published[identifier] = post
        if self.lost:
            self.lost -= 1
            raise DEAD
        return response

    @property
    def texts(self) -> list[str]:
        """The texts that were published."""
        return list(self.published.values())


def _read(headers: Mapping[str, str], body: bytes) -> Any:
    """The JSON of a body; of a form and of a file its bytes."""
    return json.loads(body) if body and headers.get("content-type") == "application/json" else body


def _is_bearer(headers: Mapping[str, str], token: str = TOKEN) -> bool:
    return headers.get("authorization") == f"Bearer {token}"


class FakeTwitter(FakePlatform):
    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        if not _is_bearer(headers) and not headers.get("authorization", "").startswith("OAuth oauth_consumer_key="):
            return answer(
                401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"}
            )
        match method, path:
            case "GET", "/2/users/me":
                metrics = {"followers_count": 10_000, "following_count": 1, "tweet_count": 2, "listed_count": 0}
                user = {"id": "2244994945", "name": "Acme", "username": "acme"}
                fields = query.get("user.fields") == "public_metrics"
                return answer(200, {"data": user | ({"public_metrics": metrics} if fields else {})})
            case "POST", "/2/media/upload":
                assert headers["content-type"].startswith("multipart/form-data; boundary=")
                assert b'name="media_category"\r\n\r\ntweet_image\r\n' in body and JPEG in body
                self.uploads.append(body)
                return answer(200, {"data": {"id": f"11466545676749{len(self.uploads)}", "media_key": "3_1"}})
            case "POST", "/2/media/metadata":
                assert set(body) == {"id", "metadata"}
                return answer(200, {"data": {"id": body["id"]}})
            case "POST", "/2/tweets":
                return self.tweet(body)
            case "GET", "/2/users/personalized_trends":
                rows = [("AI", "94K posts"), ("Python", "1,234 posts")]
                return answer(200, {"data": [{"trend_name": name, "post_count": count} for name, count in rows]})
        number = path.removeprefix("/2/tweets/")
        if method == "DELETE":
            return answer(200, {"data": {"deleted": self.published.pop(number, None) is not None}})
        assert method == "GET" and query == {"tweet.fields": "public_metrics"}
        if number not in self.published:
            return answer(200, {"errors": [{"title": "Not Found Error", "detail": "Could not find tweet"}]})
        counts = {"retweet_count": 30, "reply_count": 50, "like_count": 150, "quote_count": 20, "bookmark_count": 1}
        metrics = counts | {"impression_count": 5_000}
        return answer(200, {"data": {"id": number, "text": self.published[number], "public_metrics": metrics}})

    def tweet(self, body: Any) -> Response:
        assert set(body) <= {"text", "media"} and set(body.get("media", {})) <= {"media_ids"}
        if texts.length(body["text"], "twitter") > 280:
            return answer(403, {"detail": "You are not permitted to perform this action.", "status": 403})
        if body["text"] in self.published.values():
            detail = "You are not allowed to create a Tweet with duplicate content."
            return answer(403, {"detail": detail, "title": "Forbidden", "status": 403, "type": "about:blank"})
        number = f"14452609245287219{len(self.published)}"
        return self.publish(number, body["text"], answer(201, {"data": {"id": number, "text": body["text"]}}))


class FakeLinkedIn(FakePlatform):
    AUTHORS = ("urn:li:person:782bbtaQ", "urn:li:organization:5515715")

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        if not _is_bearer(headers):
            error = {"message": "Invalid access token", "serviceErrorCode": 65600, "status": 401}
            return answer(401, error)
        if (method, path) == ("GET", "/v2/userinfo"):
            return answer(200, {"sub": "782bbtaQ", "name": "Ada Lovelace", "locale": {"country": "US"}})
        if (method, path) == ("PUT", "/dms-uploads/1"):
            self.uploads.append(body)
            return answer(201)
        assert re.fullmatch(r"20\d{4}", headers["linkedin-version"]) and headers["x-restli-protocol-version"] == "2.0.0"
        match method, unquote(path):
            case "POST", "/rest/posts":
                return self.post(body)
            case "POST", "/rest/images":
                assert query == {"action": "initializeUpload"}
                assert body["initializeUploadRequest"]["owner"] in self.AUTHORS
                value = {"uploadUrl": "https://api.linkedin.com/dms-uploads/1", "image": "urn:li:image:C4E10A"}
                return answer(200, {"value": value | {"uploadUrlExpiresAt": 1_650_567_510_704}})
            case "GET", "/rest/organizations/5515715":
                return answer(200, {"id": 5515715, "localizedName": "Acme"})
            case "GET", "/rest/networkSizes/urn:li:organization:5515715":
                return answer(200, {"firstDegreeSize": 219145})
            case "GET", "/rest/organizationalEntityShareStatistics":
                counts = {"impressionCount": 5_000, "likeCount": 150, "shareCount": 50, "commentCount": 50}
                return answer(200, {"elements": [{"totalShareStatistics": counts}], "paging": {}})
        urn = unquote(path).rpartition("/")[2]
        if urn not in self.published:
            return answer(404, {"message": "Not Found", "status": 404})
        if method == "DELETE":
            del self.published[urn]
            return answer(204)
        reactions = {"LIKE": {"reactionType": "LIKE", "count": 6}, "PRAISE": {"reactionType": "PRAISE", "count": 1}}
        return answer(200, {"reactionSummaries": reactions, "commentSummary": {"count": 39, "topLevelCount": 30}})

    def post(self, body: Any) -> Response:
        wanted = {"author", "commentary", "visibility", "distribution", "lifecycleState", "isReshareDisabledByAuthor"}
        assert set(body) - {"content"} == wanted and body["author"] in self.AUTHORS
        if len(body["commentary"]) > 3_000 + 500:
            return answer(422, {"message": "commentary is too long", "status": 422})
        urn = f"urn:li:share:684478586857{len(self.published)}"
        # A text is cut at a reserved character that is not escaped.
        shown = re.sub(r"\{hashtag\|\\#\|(.*?)\}", r"\\#\1", body["commentary"])
        shown = re.split(r"(?<!\\)[|{}@\[\]()<>#*_~]", shown)[0]
        return self.publish(urn, re.sub(r"\\(.)", r"\1", shown), answer(201, x_restli_id=urn))


class FakeInstagram(FakePlatform):
    containers: dict[str, Any]

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        path = path.removeprefix("/v23.0")
        if not _is_bearer(headers):
            error = {"message": "Invalid OAuth access token", "type": "OAuthException", "code": 190}
            return answer(400, {"error": error})
        self.__dict__.setdefault("containers", {})
        match method, path:
            case "GET", "/me":
                assert query == {"fields": "user_id,username,followers_count"}
                return answer(200, {"user_id": "17841405309211844", "username": "acme", "followers_count": 120})
            case "POST", "/17841405309211844/media":
                return self.container(body)
            case "POST", "/17841405309211844/media_publish":
                assert set(body) == {"creation_id"}
                media = f"180{body['creation_id']}"
                return self.publish(media, self.containers[body["creation_id"]]["caption"], answer(200, {"id": media}))
        number = path.removeprefix("/").partition("/")[0]
        assert method == "GET", "nothing can be deleted"
        if query == {"fields": "status_code"}:
            return answer(200, {"status_code": "FINISHED", "id": number})
        assert query == {"metric": "views,likes,shares,comments"} and number in self.published
        counts = {"views": 5_000, "likes": 150, "shares": 50, "comments": 50}
        rows = [{"name": name, "period": "lifetime", "values": [{"value": count}]} for name, count in counts.items()]
        return answer(200, {"data": rows})

    def container(self, body: Any) -> Response:
        assert set(body) in (
            {"image_url", "caption"},
            {"image_url", "is_carousel_item"},
            {"media_type", "children", "caption"},
        )
        number = f"1788945556005{len(self.containers)}"
        self.containers[number] = body
        return answer(200, {"id": number})


@dataclass
class FakeMastodon(FakePlatform):
    keys: dict[str, Response] = field(default_factory=dict)
    """Idempotency-Key -> the answer that it gets again."""

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        if (method, path) == ("GET", "/api/v2/instance"):
            return answer(200, {"domain": "mastodon.example", "configuration": {"statuses": {"max_characters": 500}}})
        if not _is_bearer(headers):
            return answer(401, {"error": "The access token is invalid"})
        match method, path:
            case "GET", "/api/v1/accounts/verify_credentials":
                return answer(200, {"id": "14715", "username": "acme", "acct": "acme", "followers_count": 821})
            case "POST", "/api/v2/media":
                assert b'name="description"' in body and JPEG in body
                self.uploads.append(body)
                return answer(202, {"id": "2234", "type": "image", "url": None})
            case "GET", "/api/v1/media/2234":
                return answer(200, {"id": "2234", "type": "image", "url": "https://mastodon.example/2234.jpg"})
            case "POST", "/api/v1/statuses":
                return self.toot(headers["idempotency-key"], body)
            case "GET", "/api/v1/trends/tags":
                history = [{"day": "1767225600", "uses": "600", "accounts": "9"}, {"day": "1767139200", "uses": "400"}]
                return answer(200, [{"name": "hola", "url": "https://mastodon.example/tags/hola", "history": history}])
        number = path.removeprefix("/api/v1/statuses/")
        if number not in self.published:
            return answer(404, {"error": "Record not found"})
        if method == "DELETE":
            return answer(200, {"id": number, "text": self.published.pop(number)})
        return answer(200, {"id": number, "replies_count": 7, "reblogs_count": 6, "favourites_count": 11})

    def toot(self, key: str, body: Any) -> Response:
        assert set(body) <= {"status", "media_ids"}
        if key in self.keys:
            return self.keys[key]
        if texts.length(body["status"], "mastodon") > 500:
            return answer(422, {"error": "Validation failed: Text character limit of 500 exceeded"})
        number = f"1032547241049{len(self.published)}"
        self.keys[key] = answer(200, {"id": number, "url": f"https://mastodon.example/@acme/{number}"})
        return self.publish(number, body["status"], self.keys[key])


class FakeBluesky(FakePlatform):
    DID = "did:plc:u5cwb2mwiv2bfq53cjufe6yn"

    def answer(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> Response:
        name = path.removeprefix("/xrpc/")
        if name == "com.atproto.server.createSession":
            if (body["identifier"], body["password"]) != ("acme.bsky.social", PASSWORD):
                return answer(401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"})
            return answer(200, {"accessJwt": TOKEN, "refreshJwt": "r", "handle": "acme.bsky.social", "did": self.DID})
        if not _is_bearer(headers):
            return answer(401, {"error": "InvalidToken", "message": "Bad token"})
        match method, name:
            case "GET", "app.bsky.actor.getProfile":
                assert query == {"actor": self.DID}
                return answer(200, {"did": self.DID, "handle": "acme.bsky.social", "followersCount": 42})
            case "POST", "com.atproto.repo.uploadBlob":
                assert headers["content-type"] == "image/jpeg" and body == JPEG
                self.uploads.append(body)
                link = {"$link": "bafkreibabalobzn6cd366ukcsjycp4yymjymgfxcv6xczmlgpemzkz3cfa"}
                return answer(
                    200, {"blob": {"$type": "blob", "ref": link, "mimeType": "image/jpeg", "size": len(body)}}
                )
            case "POST", "com.atproto.repo.putRecord":
                return self.put(body)
            case "POST", "com.atproto.repo.deleteRecord":
                self.published.pop(self.uri(body["rkey"]), None)
                return answer(200, {})
        assert (method, name) == ("GET", "app.bsky.feed.getPosts")
        found = [query["uris"]] if query["uris"] in self.published else []
        counts = {"likeCount": 11, "repostCount": 4, "quoteCount": 2, "replyCount": 7}
        return answer(200, {"posts": [{"uri": uri, "cid": "bafy", **counts} for uri in found]})

    def uri(self, key: str) -> str:
        return f"at://{self.DID}/app.bsky.feed.post/{key}"

    def put(self, body: Any) -> Response:
        record = body["record"]
        assert set(body) == {"repo", "collection", "rkey", "record"} and body["repo"] == self.DID
        assert re.fullmatch(r"[234567abcdefghij][234567a-z]{12}", body["rkey"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record["createdAt"])
        if texts.length(record["text"], "bluesky") > 300:
            return answer(400, {"error": "InvalidRequest", "message": "Invalid app.bsky.feed.post record"})
        uri = self.uri(body["rkey"])
        assert self.published.get(uri, record["text"]) == record["text"], "a record is written again unchanged"
        return self.publish(uri, record["text"], answer(200, {"uri": uri, "cid": "bafyreibjifzpqj6o6wcq3hejh7y4z4"}))


@dataclass
class Platforms:
    """All platforms."""

    world: World
    twitter: FakeTwitter = field(default_factory=FakeTwitter)
    linkedin: FakeLinkedIn = field(default_factory=FakeLinkedIn)
    instagram: FakeInstagram = field(default_factory=FakeInstagram)
    mastodon: FakeMastodon = field(default_factory=FakeMastodon)
    bluesky: FakeBluesky = field(default_factory=FakeBluesky)

    def connect(self, *names: Platform, org: str = ORG) -> None:
        """Connect the org's accounts with these platforms, or with all of them."""
        for name in names or CREDENTIALS:
            accounts.connect(org, name, CREDENTIALS[name], "ada")

    def fake(self, name: Platform) -> FakePlatform:
        found: FakePlatform = getattr(self, name)
        return found


def platforms(world: World) -> Platforms:
    """Every platform, available, and a server of images. No account is connected."""
    fakes = Platforms(world)
    world.servers |= {
        "api.x.com": fakes.twitter,  # type: ignore[dict-item]
        "api.linkedin.com": fakes.linkedin,  # type: ignore[dict-item]
        "graph.instagram.com": fakes.instagram,  # type: ignore[dict-item]
        "mastodon.example": fakes.mastodon,  # type: ignore[dict-item]
        "bsky.social": fakes.bluesky,  # type: ignore[dict-item]
        "images.example": lambda *_: Response(200, {"content-type": "image/jpeg"}, JPEG),
    }
    return fakes

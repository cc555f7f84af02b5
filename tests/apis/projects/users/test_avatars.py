from urllib.parse import urlsplit

import boto3
import pytest

from chalicelib.apis.projects import api
from chalicelib.apis.projects.users.avatars import avatar_path
from chalicelib.config import settings
from chalicelib.engine.accounts import avatars
from chalicelib.engine.documents import documents
from tests.domain.files.test_image_size import gif, jpeg, png
from tests.support import parts
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

ME = "user_ann"
SEND = {"Content-Type": parts.MULTIPART}


@pytest.fixture
def client(world: World) -> Client:
    documents.create(documents.new(ORG, "user", {"name": "Ann", "status": "active"}, id=ME))
    return Client(api, conformance(api))


def upload(client: Client, *sent: bytes, by: str = ME) -> Reply:
    return client.post("/api/v1/users/me/avatar", parts.body(*sent), token=token("user", subject=by), headers=SEND)


def get(client: Client, user_id: str = ME, org: str = ORG) -> Reply:
    return client.get(f"/api/v1/users/{user_id}/avatar", token=token("user", subject="bob", org=org))


def test_a_picture_is_kept_and_led_to(client: Client) -> None:
    assert get(client).status == 404
    reply = upload(client, parts.file(png(20, 30), "me.png", "image/png", at="avatar"))
    assert (reply.status, reply.json["data"]) == (200, {"avatar": f"/api/v1/users/{ME}/avatar"})
    led = get(client)
    assert (led.status, led.text) == (302, "")
    key = urlsplit(led.headers["location"]).path.removeprefix("/")
    stored = boto3.client("s3").get_object(Bucket=settings().payload_bucket, Key=key)
    assert (stored["Body"].read(), stored["ContentType"]) == (png(20, 30), "image/png")


def test_a_new_picture_takes_the_place_of_the_old_one(client: Client) -> None:
    upload(client, parts.file(png(20, 30)))
    upload(client, parts.file(gif(4096, 1)))
    [one] = boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)["Contents"]
    assert one["Key"] == f"avatars/{ORG}/{ME}"
    user = documents.get(ORG, "user", ME)
    assert (user.body["name"], user.body["avatar"]["media_type"]) == ("Ann", "image/gif")
    assert avatar_path(user) == f"/api/v1/users/{ME}/avatar"


WRONG: list[tuple[list[bytes], int, str]] = [
    ([], 422, "Missing required field: avatar"),
    ([parts.file("hello", "me.png", "image/png")], 422, "must be a PNG, JPEG, GIF or WebP picture"),
    ([parts.file(b"%PDF-1.7")], 422, "must be a PNG"),
    ([parts.file(png(20, 30)[:20])], 422, "must be a PNG"),
    ([parts.file(jpeg(4097, 10))], 422, "must be at most 4096 pixels wide and high, not 4097 x 10"),
    ([parts.file(png(20, 30) + b"x" * 1024 * 1024)], 413, "at most 1048576"),
]


def test_what_is_no_picture_is_refused(client: Client) -> None:
    for sent, status, said in WRONG:
        reply = upload(client, *sent, parts.part("", 'form-data; name="other"'))
        assert (reply.status, said in reply.json["error"]["message"]) == (status, True), reply.text
    assert documents.get(ORG, "user", ME).body.get("avatar") is None


def test_who_is_no_user_has_no_picture(client: Client) -> None:
    assert upload(client, parts.file(png(20, 30)), by="nobody").status == 404
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)


def test_another_tenant_sees_none_nor_does_anyone_of_a_user_who_is_gone(client: Client) -> None:
    upload(client, parts.file(png(20, 30)))
    assert get(client, org="other").status == 404
    avatars.delete_avatar(ORG, ME)
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)

"""Submitting a task: once under one key, and with nothing in it that is not the caller's to say."""

from typing import Any

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.face import Face, without
from tests.support.client import Reply, token


def submits(face: Face) -> bool:
    return face.submitting is not None


def submit(scene: Scene, body: Any = None, org: str = "acme", **headers: str) -> Reply:
    post = scene.face.endpoint(scene.face.submitting.post)
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return scene.client.post(post.path, body or post.request, token=token(org=org), headers=sent)


def got(scene: Scene, reply: Reply) -> Any:
    get = scene.face.endpoint(scene.face.submitting.get)
    made = reply.json[scene.face.submitting.id]
    return scene.client.get(get.url(dict.fromkeys(get.variables, made)), token=scene.admin).json


@over.faces(where=submits)
def test_one_idempotency_key_is_one_task(scene: Scene) -> None:
    before = len(scene.house.tasks())
    first, again = (submit(scene, Idempotency_Key="same") for _ in range(2))
    assert first.status == again.status == scene.face.status(scene.face.endpoint(scene.face.submitting.post))
    identifier = scene.face.submitting.id
    assert first.json[identifier] == again.json[identifier]
    assert len(scene.house.tasks()) == before + 1


@over.faces(where=submits)
def test_another_body_under_the_key_is_a_conflict(scene: Scene) -> None:
    request = scene.face.endpoint(scene.face.submitting.post).request
    submit(scene, Idempotency_Key="same")
    refused = submit(scene, request | {"type": "general"}, Idempotency_Key="same")
    assert "Idempotency-Key" in scene.face.refused(refused, 409, "Idempotency-Key").message


@over.faces(where=submits)
def test_the_same_key_is_another_task_for_another_tenant(scene: Scene) -> None:
    ours, theirs = (submit(scene, org=org, Idempotency_Key="same") for org in ("left", "right"))
    assert ours.status == theirs.status < 300
    assert ours.json[scene.face.submitting.id] != theirs.json[scene.face.submitting.id]


@over.faces(where=submits)
def test_a_key_that_none_can_have_is_an_invalid_request(scene: Scene) -> None:
    for key in ("", "x" * 256):
        assert scene.face.refused(submit(scene, Idempotency_Key=key), 400).message.startswith("Idempotency-Key")


@over.faces(where=lambda face: face.read_only)
def test_what_is_not_the_callers_to_say_is_not_heard(scene: Scene) -> None:
    request = scene.face.endpoint(scene.face.submitting.post).request
    plain, sly = got(scene, submit(scene)), got(scene, submit(scene, request | scene.face.read_only))
    own = scene.face.submitting.id
    assert plain[own] != sly[own]
    assert sly[own] != scene.face.read_only.get(own)
    assert without(plain, own) == without(sly, own)

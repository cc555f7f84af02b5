"""Submitting a task: once under one key, and with nothing in it that is not the caller's to say."""

import json
from typing import Any

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import pick
from tests.contract.face import Face
from tests.support.client import Reply, token


def submits(face: Face) -> bool:
    return face.submitting is not None


def submit(scene: Scene, body: Any = None, org: str = "acme", by: str = "dev", **headers: str) -> Reply:
    post = scene.face.endpoint(scene.face.submitting.post)
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return scene.call(post, post.path, body or ..., token=token(org=org, subject=by), headers=sent)


def request_of(scene: Scene) -> dict[str, Any]:
    return dict(scene.filled(scene.face.endpoint(scene.face.submitting.post)).request)


def made_by(scene: Scene, reply: Reply) -> str:
    return str(pick(reply.json, scene.face.submitting.id))


def got(scene: Scene, reply: Reply) -> Any:
    get = scene.face.endpoint(scene.face.submitting.get)
    made = made_by(scene, reply)
    return scene.client.get(get.url(dict.fromkeys(get.variables, made)), token=scene.admin).json


@over.faces(where=submits)
def test_one_idempotency_key_is_one_task(scene: Scene) -> None:
    before = len(scene.world.tasks())
    first, again = (submit(scene, Idempotency_Key="same") for _ in range(2))
    assert first.status == again.status == scene.face.status(scene.face.endpoint(scene.face.submitting.post))
    assert made_by(scene, first) == made_by(scene, again)
    assert len(scene.world.tasks()) == before + 1


@over.faces(where=submits)
def test_another_body_under_the_key_is_a_conflict(scene: Scene) -> None:
    request = request_of(scene)
    submit(scene, Idempotency_Key="same")
    refused = submit(scene, request | {"type": "general"}, Idempotency_Key="same")
    assert "Idempotency-Key" in scene.face.refused(refused, 409, "Idempotency-Key").message


@over.faces(where=submits)
def test_the_same_key_is_another_task_for_another_tenant(scene: Scene) -> None:
    body = scene.face.submitting.alone
    ours, theirs = (submit(scene, body, org=org, Idempotency_Key="same") for org in ("left", "right"))
    assert ours.status == theirs.status < 300
    assert made_by(scene, ours) != made_by(scene, theirs)


@over.faces(where=submits)
def test_the_same_key_is_another_task_for_another_caller_of_the_tenant(scene: Scene) -> None:
    body = scene.face.submitting.alone
    made = [submit(scene, body, by=subject, Idempotency_Key="same") for subject in ("dev", "ann", "ann")]
    assert {reply.status for reply in made} == {made[0].status} and made[0].status < 300
    ours, theirs, again = (made_by(scene, reply) for reply in made)
    assert ours != theirs == again


@over.faces(where=submits)
def test_a_key_that_none_can_have_is_an_invalid_request(scene: Scene) -> None:
    for key in ("", "x" * 256):
        assert scene.face.unfit(submit(scene, Idempotency_Key=key)).message.startswith("Idempotency-Key")


@over.faces(where=lambda face: face.read_only)
def test_what_is_not_the_callers_to_say_is_not_heard(scene: Scene) -> None:
    request = request_of(scene)
    plain, sly = submit(scene), submit(scene, request | scene.face.read_only)
    one, other = made_by(scene, plain), made_by(scene, sly)
    assert one != other
    assert other not in scene.face.read_only.values()
    assert json.dumps(got(scene, sly)).replace(other, one) == json.dumps(got(scene, plain))

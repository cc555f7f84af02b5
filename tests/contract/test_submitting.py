"""Submitting a task: one task for each idempotency key, and no field that the caller may not set."""

import json
from typing import Any

from tests.contract import over
from tests.contract.conftest import Scene
from tests.contract.documented import pick
from tests.contract.face import Face
from tests.support.client import Reply, token


def has_submitting(face: Face) -> bool:
    return face.submitting is not None


def submit(scene: Scene, body: Any = None, org: str = "acme", by: str = "dev", **headers: str) -> Reply:
    post = scene.face.endpoint(scene.face.submitting.post)
    renamed = {name.replace("_", "-"): text for name, text in headers.items()}
    return scene.call(post, post.path, body or ..., token=token(org=org, subject=by), headers=renamed)


def documented_body(scene: Scene) -> dict[str, Any]:
    return dict(scene.with_ids(scene.face.endpoint(scene.face.submitting.post)).request)


def task_id_of(scene: Scene, reply: Reply) -> str:
    return str(pick(reply.json, scene.face.submitting.id))


def get_task(scene: Scene, reply: Reply) -> Any:
    get = scene.face.endpoint(scene.face.submitting.get)
    task_id = task_id_of(scene, reply)
    return scene.client.get(get.url(dict.fromkeys(get.variables, task_id)), token=scene.admin).json


@over.faces(where=has_submitting)
def test_one_idempotency_key_is_one_task(scene: Scene) -> None:
    before = len(scene.world.tasks())
    first, again = (submit(scene, Idempotency_Key="same") for _ in range(2))
    assert first.status == again.status == scene.face.status(scene.face.endpoint(scene.face.submitting.post))
    assert task_id_of(scene, first) == task_id_of(scene, again)
    assert len(scene.world.tasks()) == before + 1


@over.faces(where=has_submitting)
def test_another_body_under_the_key_is_a_conflict(scene: Scene) -> None:
    request = documented_body(scene)
    submit(scene, Idempotency_Key="same")
    refused = submit(scene, request | {"type": "general"}, Idempotency_Key="same")
    assert "Idempotency-Key" in scene.face.require_refusal(refused, 409, "Idempotency-Key").message


@over.faces(where=has_submitting)
def test_the_same_key_is_another_task_for_another_tenant(scene: Scene) -> None:
    body = scene.face.submitting.alone
    ours, theirs = (submit(scene, body, org=org, Idempotency_Key="same") for org in ("left", "right"))
    assert ours.status == theirs.status < 300
    assert task_id_of(scene, ours) != task_id_of(scene, theirs)


@over.faces(where=has_submitting)
def test_the_same_key_is_another_task_for_another_caller_of_the_tenant(scene: Scene) -> None:
    body = scene.face.submitting.alone
    replies = [submit(scene, body, by=subject, Idempotency_Key="same") for subject in ("dev", "ann", "ann")]
    assert {reply.status for reply in replies} == {replies[0].status} and replies[0].status < 300
    ours, theirs, again = (task_id_of(scene, reply) for reply in replies)
    assert ours != theirs == again


@over.faces(where=has_submitting)
def test_an_idempotency_key_of_wrong_length_is_an_invalid_request(scene: Scene) -> None:
    for key in ("", "x" * 256):
        assert scene.face.require_invalid(submit(scene, Idempotency_Key=key)).message.startswith("Idempotency-Key")


@over.faces(where=lambda face: face.read_only)
def test_fields_that_the_caller_may_not_set_are_ignored(scene: Scene) -> None:
    request = documented_body(scene)
    plain, sly = submit(scene), submit(scene, request | scene.face.read_only)
    plain_id, sly_id = task_id_of(scene, plain), task_id_of(scene, sly)
    assert plain_id != sly_id
    assert sly_id not in scene.face.read_only.values()
    assert json.dumps(get_task(scene, sly)).replace(sly_id, plain_id) == json.dumps(get_task(scene, plain))

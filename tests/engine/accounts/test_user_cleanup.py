import boto3
import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.domain.document import Document
from chalicelib.domain.tasks import transitions
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.accounts import api_keys, avatars, inbox, user_cleanup, users
from chalicelib.engine.accounts.api_keys import KeyRequest
from chalicelib.engine.documents import background_jobs, documents
from chalicelib.engine.projects import members
from chalicelib.engine.tasks import lifecycle
from chalicelib.storage.access import api_keys as key_storage
from chalicelib.storage.documents import documents as document_storage
from tests.domain.files.test_image_size import png
from tests.support import aws, people
from tests.support.world import ORG, World


@pytest.fixture
def admin(world: World) -> Document:
    return people.admin(world)


def begin(world: World, user: Document) -> Task:
    """Create a task that the user works on."""
    task = world.submit(pool="projects", manual=True)
    return lifecycle.change(ORG, task.id, lambda found: transitions.begun_by_person(found, user.id, clock.now()))


def project(*team: Document) -> Document:
    who = {user.id: {"role": "developer", "permissions": ["tasks:write"], "since": 0} for user in team}
    made = documents.create(documents.new(ORG, "project", {"name": "x", "status": "active", "members": {}}))
    return documents.change(
        ORG, "project", made.id, lambda found: members.with_team(found, who, members.Grantor("x", ["tasks:write"])),
        also=members.membership_writes,
    )  # fmt: skip


def list_inbox(user: Document) -> list[Document]:
    return document_storage.find_page(ORG, inbox.KIND, user.id)


def test_nothing_of_a_user_who_is_gone_is_left_dangling(world: World, admin: Document) -> None:
    ada, eve = people.user(world), people.user(world, name="Eve")
    key, _ = api_keys.create(ORG, ada.id, KeyRequest("x", ["tasks:read"]))
    hers, others = begin(world, ada), begin(world, eve)
    joined = project(ada, eve)
    for number in range(user_cleanup.BATCH_SIZE + 5):
        documents.create(documents.new(ORG, inbox.KIND, {"readAt": None}, parent=ada.id, id=f"notif_{number:03}"))
    world.settle()
    users.delete(ORG, ada.id, admin.id)
    world.settle()
    world.advance(2)
    assert (world.task(hers.id).status, world.task(hers.id).person) == (Status.PENDING, None)
    assert world.task(others.id).person == eve.id
    assert list(members.team_of(documents.get(ORG, "project", joined.id))) == [eve.id]
    assert (list_inbox(ada), key_storage.find(key.id)) == ([], None)


def list_pictures() -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)
    return [one["Key"] for one in found.get("Contents", ())]


def test_the_picture_of_a_user_who_is_gone_goes_and_no_other(world: World, admin: Document) -> None:
    ada, eve = people.user(world), people.user(world, name="Eve")
    for user in (ada, eve):
        avatars.replace_avatar(ORG, user.id, png(2, 2))
    assert len(list_pictures()) == 2
    users.delete(ORG, ada.id, admin.id)
    world.settle()
    world.advance(2)
    [kept] = list_pictures()
    assert kept.endswith(f"/{eve.id}")


def test_what_a_user_did_in_the_last_moment_is_found_later(world: World, admin: Document) -> None:
    ada = people.user(world)
    users.delete(ORG, ada.id, admin.id)
    world.settle()
    world.advance(20)
    late = begin(world, ada)  # by a session that some process still remembered
    world.advance(180)
    assert world.task(late.id).status is Status.PENDING


def test_it_may_die_before_any_call_and_is_done_in_the_end(world: World, admin: Document) -> None:
    ada = people.user(world)
    api_keys.create(ORG, ada.id, KeyRequest("x", ["tasks:read"]))
    task, joined = begin(world, ada), project(ada)
    documents.create(documents.new(ORG, inbox.KIND, {"readAt": None}, parent=ada.id))
    world.settle()
    job = background_jobs.Job(
        ORG, users.CLEANUP_JOB, ada.id, {"keys": list(users.get(ORG, ada.id).body["keys"]), "memberships": [joined.id]}
    )
    documents.delete(ORG, "user", ada.id)
    step, done = 0, False
    while not done:
        step += 1
        done = _die_at(step, job)
    assert step == 8, "which is how many calls it makes"
    assert world.task(task.id).status is Status.PENDING
    assert (list_inbox(ada), members.team_of(documents.get(ORG, "project", joined.id))) == ([], {})
    assert user_cleanup.run_step(job), "and again"


class Died(Exception):
    pass


def _die_at(step: int, job: background_jobs.Job) -> bool:
    """Run until the call with this number. Returns whether the work was finished before it."""
    calls = iter(range(step - 1))

    def die(call: aws.Call, send: object) -> object:
        if next(calls, None) is None:
            raise Died
        return send()  # type: ignore[operator]

    try:
        with aws.interfering(die):
            return user_cleanup.run_step(job)
    except Died:
        return False

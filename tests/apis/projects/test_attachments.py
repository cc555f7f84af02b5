"""Comments on tasks, and files."""

from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from chalicelib.apis.projects import api
from chalicelib.config import settings
from chalicelib.domain.tasks.task import Task
from chalicelib.engine.documents import background_jobs, documents
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.projects import attachments, comments, files, task_edits
from chalicelib.engine.schedule.job_handlers import JOB_STEPS
from chalicelib.engine.tasks import lifecycle, submission
from chalicelib.engine.tasks.submission import Submission
from chalicelib.errors import Conflict, NotFound, Unavailable
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.documents import documents as document_storage
from chalicelib.storage.tasks import tasks as task_storage
from tests.engine.helpers import run_together
from tests.support import aws, parts, people
from tests.support.client import Client, Reply, token
from tests.support.conformance import conformance
from tests.support.world import ORG, World

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\xff"


@dataclass
class AttachmentsApi:
    """The API called by a developer, and one task."""

    world: World
    client: Client
    task: str

    def request(
        self, method: str, path: str, body: Any = None, *, role: str = "user", by: str = "ann", **more: Any
    ) -> Reply:
        url, org = f"/api/v1/tasks/{more.pop('task', self.task)}{path}", more.pop("org", ORG)
        credential = more.pop("credential", None) or token(role, subject=by, org=org)
        return self.client.request(method, url, body, token=credential, **more)

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        reply = self.request(method, path, body, **more)
        assert reply.status in (200, 201), reply.text
        return reply.json["data"]

    def expect_error(self, status: int, method: str, path: str, body: Any = None, **more: Any) -> Any:
        reply = self.request(method, path, body, **more)
        assert reply.status == status, reply.text
        return reply.json["error"]

    def upload(self, *sent: bytes, **more: Any) -> Reply:
        return self.request("POST", "/files", parts.body(*sent), headers={"Content-Type": parts.MULTIPART}, **more)

    def upload_successfully(self, *sent: bytes) -> Any:
        reply = self.upload(*sent)
        assert reply.status == 201, reply.text
        return reply.json["data"]


def create_task(project: str = "proj_1") -> Task:
    asked = Submission(pool="projects", type="task", priority=4, manual=True, terms=(f"project={project}",))
    return submission.submit(ORG, "ann", asked)


@pytest.fixture
def attachments_api(world: World) -> AttachmentsApi:
    return AttachmentsApi(world, Client(api, conformance(api)), create_task().id)


def create_user(identifier: str, org: str = ORG) -> None:
    documents.create(documents.new(org, "user", {"status": "active"}, id=identifier))


def objects() -> list[str]:
    found = boto3.client("s3").list_objects_v2(Bucket=settings().payload_bucket)
    return [one["Key"] for one in found.get("Contents", ())]


def delete_task(attachments_api: AttachmentsApi) -> None:
    found = lifecycle.get(ORG, attachments_api.task)
    dynamodb.commit(task_storage.delete_write(found), background_jobs.create_write(ORG, "task", attachments_api.task))


# Comments


def test_a_comment_as_documented(attachments_api: AttachmentsApi) -> None:
    create_user("user-123")
    create_user("user-456")
    body = {"content": "Great progress on the authentication system!", "mentions": ["user-123", "user-456", "user-123"]}
    reply = attachments_api.request("POST", "/comments", body)
    assert reply.status == 201
    comment = reply.json["data"]
    assert comment == {
        "id": comment["id"],
        "content": body["content"],
        "author": "ann",
        "mentions": ["user-123", "user-456"],
        "createdAt": "2026-01-01T12:00:00Z",
    }
    assert reply.headers["location"] == f"/api/v1/tasks/{attachments_api.task}/comments/{comment['id']}"
    assert attachments_api.call("GET", f"/comments/{comment['id']}") == comment


def test_comments_are_listed_newest_first(attachments_api: AttachmentsApi) -> None:
    for number in range(3):
        attachments_api.call("POST", "/comments", {"content": str(number)})
        attachments_api.world.clock.advance(1)
    page = attachments_api.request("GET", "/comments?limit=2").json
    assert [comment["content"] for comment in page["data"]] == ["2", "1"]
    assert page["pagination"]["total"] == 3
    assert [comment["content"] for comment in attachments_api.call("GET", "/comments?limit=2&page=2")] == ["0"]
    assert [one.body["content"] for one in comments.list_newest(ORG, attachments_api.task)] == ["2", "1", "0"]


WRONG_COMMENTS: list[tuple[Any, str]] = [
    ({}, "content"),
    ({"content": ""}, "content"),
    ({"content": "x" * 10_001}, "content"),
    ({"content": "x", "mentions": ["nobody"]}, "mentions"),
    ({"content": "x", "mentions": ["stranger"]}, "mentions"),
    ({"content": "x", "mentions": ["u"] * 51}, "mentions"),
]


def test_of_comments_beyond_ascii_a_task_shows_as_many_as_lambda_sends(
    attachments_api: AttachmentsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runtime writes each letter as an escape of six: a hundred comments of 10,000 letters were too large."""
    monkeypatch.setattr(comments, "MAX_SHOWN_CHARS", 400)
    for letter in "山川空":
        attachments_api.call("POST", "/comments", {"content": letter * 20})
        attachments_api.world.clock.advance(1)
    shown = attachments_api.call("GET", "?include=comments")["comments"]
    assert [comment["content"][0] for comment in shown] == ["空", "川"]
    assert len(attachments_api.call("GET", "/comments")) == 3


def test_wrong_comments_are_refused(attachments_api: AttachmentsApi) -> None:
    create_user("stranger", org="other")
    for body, field in WRONG_COMMENTS:
        error = attachments_api.expect_error(422, "POST", "/comments", body)
        assert (error["code"], list(error["details"])) == ("VALIDATION_ERROR", [field]), body
    assert comments.list_newest(ORG, attachments_api.task) == []


def test_a_comment_is_its_authors_to_delete_and_of_whoever_may_delete_the_task(attachments_api: AttachmentsApi) -> None:
    first, second = (attachments_api.call("POST", "/comments", {"content": "x"})["id"] for _ in range(2))
    attachments_api.expect_error(403, "DELETE", f"/comments/{first}", by="bob")
    assert attachments_api.call("DELETE", f"/comments/{first}") == {"id": first, "deleted": True}
    assert attachments_api.call("DELETE", f"/comments/{second}", by="bob", role="admin")["deleted"]
    attachments_api.expect_error(404, "DELETE", f"/comments/{first}")
    assert attachments_api.call("GET", "/comments") == []


def test_a_viewer_reads_only_but_where_they_are_a_member_and_may_write(attachments_api: AttachmentsApi) -> None:
    viewer = people.user(attachments_api.world, "viewer", name="Vera")
    reader = {"credential": people.token(viewer)}
    attachments_api.call("GET", "/comments", **reader), attachments_api.call("GET", "/files", **reader)
    attachments_api.expect_error(403, "POST", "/comments", {"content": "x"}, **reader)
    assert attachments_api.upload(parts.file("x"), **reader).status == 403
    documents.merge(ORG, "user", viewer.id, {"memberships": {"proj_1": ["tasks:read", "tasks:write"]}})
    member = {"credential": people.token(viewer)}
    comment = attachments_api.call("POST", "/comments", {"content": "x"}, **member)
    assert comment["author"] == viewer.id
    assert attachments_api.call("DELETE", f"/comments/{comment['id']}", **member)["deleted"]
    attachments_api.expect_error(403, "POST", "/comments", {"content": "x"}, task=create_task("proj_2").id, **member)


def test_another_tenants_task_is_not_there(attachments_api: AttachmentsApi) -> None:
    comment = attachments_api.call("POST", "/comments", {"content": "x"})["id"]
    file = attachments_api.upload_successfully(parts.file("x"))["id"]
    for method, path in [("GET", ""), ("POST", ""), ("GET", f"/{comment}"), ("DELETE", f"/{comment}")]:
        attachments_api.expect_error(
            404, method, f"/comments{path}", {"content": "x"} if method == "POST" else None, org="other"
        )
    for method, path in [("GET", ""), ("GET", f"/{file}"), ("DELETE", f"/{file}")]:
        attachments_api.expect_error(404, method, f"/files{path}", org="other", role="admin")
    assert attachments_api.upload(parts.file("x"), org="other").status == 404


def test_one_tasks_things_are_not_anothers(attachments_api: AttachmentsApi) -> None:
    other = create_task().id
    comment = attachments_api.call("POST", "/comments", {"content": "x"})["id"]
    file = attachments_api.upload_successfully(parts.file("x"))["id"]
    for path in (f"/comments/{comment}", f"/files/{file}"):
        attachments_api.expect_error(404, "GET", path, task=other)
        attachments_api.expect_error(404, "DELETE", path, task=other)


# Files


def test_a_file_as_documented(attachments_api: AttachmentsApi) -> None:
    described = parts.part("UI mockup for authentication screen", 'form-data; name="description"')
    reply = attachments_api.upload(parts.file(PNG, "design-mockup.png", "image/png"), described)
    assert reply.status == 201
    file = reply.json["data"]
    assert file == {
        "id": file["id"],
        "name": "design-mockup.png",
        "size": len(PNG),
        "mimeType": "image/png",
        "uploadedAt": "2026-01-01T12:00:00Z",
        "description": "UI mockup for authentication screen",
        "uploadedBy": "ann",
        "url": file["url"],
    }
    assert (
        attachments_api.call("GET", reply.headers["location"].partition(attachments_api.task)[2])["name"]
        == file["name"]
    )
    stored = boto3.client("s3").get_object(Bucket=settings().payload_bucket, Key=objects()[0])
    assert (stored["Body"].read(), stored["ContentType"]) == (PNG, "image/png")


def test_a_link_downloads_the_file_under_its_name(attachments_api: AttachmentsApi) -> None:
    link = urlsplit(attachments_api.upload_successfully(parts.file("export {}", 'grü"ße.tsx'.replace('"', "'")))["url"])
    query = {name: values[0] for name, values in parse_qs(link.query).items()}
    assert link.scheme == "https" and link.hostname.startswith(settings().payload_bucket)
    assert link.path == f"/{objects()[0]}"
    assert query["X-Amz-Expires"] == "300"
    assert query["response-content-type"] == "text/typescript"
    assert query["response-content-disposition"] == (
        "attachment; filename=\"gr_'_e.tsx\"; filename*=UTF-8''gr%C3%BC%27%C3%9Fe.tsx"
    )


WRONG_FILES: list[tuple[list[bytes], str]] = [
    ([], "is required"),
    ([parts.file("")], "is empty"),
    ([parts.file(b"\x7fELF")], "is an executable program; those are not accepted"),
    ([parts.file("<b>", "a.png", "image/png")], "is sent as image/png, but by its content it is text/plain"),
    ([parts.file("x"), parts.file("y")], "is given more than once"),
]


def test_wrong_files_are_refused_and_not_kept(attachments_api: AttachmentsApi) -> None:
    for sent, said in WRONG_FILES:
        reply = attachments_api.upload(*sent, parts.part("", 'form-data; name="other"'))
        assert (reply.status, reply.json["error"]["details"]) == (422, {"file": [f"File {said}"]})
    assert objects() == []


def test_no_broken_upload_is_a_server_error(attachments_api: AttachmentsApi) -> None:
    wrong = {name: (content, kind) for name, (content, kind, _) in parts.WRONG.items()}
    statuses = {
        name: attachments_api.request("POST", "/files", content, headers={"Content-Type": kind}).status
        for name, (content, kind) in (wrong | parts.GOOD).items()
    }
    assert set(statuses.values()) == {201, 400, 413, 415, 422}
    accepted = {name for name, status in statuses.items() if status == 201}
    assert accepted == {*parts.GOOD, "field too long for its model"} - {"empty file"}


def test_the_refusal_of_a_too_large_file_names_the_limit(attachments_api: AttachmentsApi) -> None:
    reply = attachments_api.upload(parts.file(b"x" * (4 * 1024 * 1024)))
    assert (reply.status, reply.json["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert "4194304" in reply.json["error"]["message"]


def test_files_are_listed_and_deleted(attachments_api: AttachmentsApi) -> None:
    first, second = (attachments_api.upload_successfully(parts.file("x", name))["id"] for name in ("a.txt", "b.md"))
    page = attachments_api.request("GET", "/files").json
    assert {(file["id"], file["mimeType"]) for file in page["data"]} == {
        (first, "text/plain"),
        (second, "text/markdown"),
    }
    assert page["pagination"]["total"] == 2
    attachments_api.expect_error(403, "DELETE", f"/files/{first}", by="bob")
    assert attachments_api.call("DELETE", f"/files/{first}") == {"id": first, "deleted": True}
    attachments_api.expect_error(404, "GET", f"/files/{first}")
    assert [key.rpartition("/")[2] for key in objects()] == [second]


# What both have in common


def test_each_request_keeps_to_its_budget(attachments_api: AttachmentsApi) -> None:
    create_user("bob")
    attachments_api.call("GET", "/comments")
    with aws.counting() as calls:
        attachments_api.call("POST", "/comments", {"content": "x"})
        assert calls.total() == 3  # limit, task, transaction
        attachments_api.call("POST", "/comments", {"content": "x", "mentions": ["bob"]})
        assert calls.total() == 3 + 4
        file = attachments_api.upload_successfully(parts.file("x"))["id"]
        assert calls.total() == 7 + 4
        (
            attachments_api.call("GET", "/comments"),
            attachments_api.call("GET", "/files"),
            attachments_api.call("GET", f"/files/{file}"),
        )
        assert calls.total() == 11 + 3 * 3
        attachments_api.call("DELETE", f"/files/{file}")
        assert calls.total() == 20 + 6
        attachments_api.call("DELETE", f"/comments/{comments.list_newest(ORG, attachments_api.task)[0].id}")
        assert calls.total() == 26 + 1 + 5
        calls.clear()
        comments.list_newest(ORG, attachments_api.task), files.list_newest(ORG, attachments_api.task)
        assert calls.total() == 2


def test_a_task_has_so_many_and_no_more_however_many_come_at_once(
    attachments_api: AttachmentsApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(attachments.MAX_PER_TASK, "file", 2)
    task = lifecycle.get(ORG, attachments_api.task)

    outcomes = run_together([lambda: files.add(task, "a.txt", b"x", "", None, by="ann")] * 6)
    assert [type(one) for one in outcomes].count(Conflict) == 4
    assert len(objects()) == len(files.list_newest(ORG, attachments_api.task)) == 2
    assert attachments_api.upload(parts.file("x")).json["error"]["code"] == "CONFLICT_ERROR"
    attachments_api.call("DELETE", f"/files/{files.list_newest(ORG, attachments_api.task)[0].id}")
    attachments_api.upload_successfully(parts.file("x"))


def test_nothing_hangs_on_a_task_that_went_meanwhile(attachments_api: AttachmentsApi) -> None:
    task = lifecycle.get(ORG, attachments_api.task)
    delete_task(attachments_api)
    with pytest.raises(NotFound):
        comments.add(task, "x", (), by="ann")
    with pytest.raises(NotFound):
        files.add(task, "a", b"x", "", None, by="ann")
    assert objects() == []
    attachments_api.expect_error(404, "POST", "/comments", {"content": "x"})


def test_what_hung_on_a_deleted_task_goes_with_it(attachments_api: AttachmentsApi) -> None:
    for number in range(30):
        comments.add(lifecycle.get(ORG, attachments_api.task), str(number), (), by="ann")
    attachments_api.upload_successfully(parts.file("x"))
    other = create_task()
    kept = files.add(other, "a", b"x", "", None, by="ann")
    delete_task(attachments_api)
    attachments_api.world.settle()
    left = aws.items(document_storage.DocumentItem)
    assert [(item.kind, item.id) for item in left] == [("file", kept.id)]
    assert objects() == [f"files/{ORG}/{other.id}/{kept.id}"]


def test_what_hangs_on_a_task_that_was_created_again_stays(attachments_api: AttachmentsApi) -> None:
    """Under the same Idempotency-Key it has the same id. The clean-up of the deleted one comes two minutes later."""
    wanted = Submission(pool="projects", type="task", priority=4, manual=True, idempotency_key="row-7")
    first = submission.submit(ORG, "ann", wanted)
    task_edits.delete(ORG, "projects", first.id, "ann", lambda _: None)
    again = submission.submit(ORG, "ann", wanted)
    comment, file = comments.add(again, "x", (), by="ann"), files.add(again, "a", b"x", "", None, by="ann")
    attachments_api.world.advance(2 * task_edits.RELAY_LAG_S)
    assert again.id == first.id
    assert comments.list_newest(ORG, again.id) == [comment]
    assert files.list_newest(ORG, again.id) == [file] and len(objects()) == 1


def test_large_payloads_go_with_their_task(attachments_api: AttachmentsApi) -> None:
    asked = Submission(pool="projects", type="task", priority=4, manual=True, payload={"text": "x" * 150_000})
    attachments_api.task = submission.submit(ORG, "ann", asked).id
    submission.submit(ORG, "ann", asked._replace(pool="processing"))
    assert [key.partition("/")[0] for key in objects()] == ["expiring", "kept"]
    delete_task(attachments_api)
    attachments_api.world.settle()
    assert [key.partition("/")[0] for key in objects()] == ["expiring"]


def die_in_call(calls: int, job: Job) -> bool:
    """Run the job and die in this call. Returns whether the job was finished before."""
    left = count(calls, -1)

    def die(_: aws.Call, send: Any) -> Any:
        if next(left) == 1:
            raise Unavailable("dead")
        return send()

    with aws.interfering(die), suppress(Unavailable):
        while not JOB_STEPS["task"](job):
            pass
        return True
    return False


def test_clearing_up_may_die_anywhere(attachments_api: AttachmentsApi) -> None:
    comments.add(lifecycle.get(ORG, attachments_api.task), "x", (), by="ann")
    attachments_api.upload_successfully(parts.file("x"))
    delete_task(attachments_api)
    job, deaths = Job(ORG, "task", attachments_api.task), 0
    while not die_in_call(deaths + 1, job):
        deaths += 1
    assert deaths > 3
    assert objects() == []
    assert not comments.list_newest(ORG, attachments_api.task) and not files.list_newest(ORG, attachments_api.task)

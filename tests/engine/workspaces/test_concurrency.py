"""Concurrent writes and commits in one workspace: nothing that was accepted is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.engine.documents.optimistic import TooManyWriters
from chalicelib.engine.workspaces import commits, files, log, publishing, workspaces
from chalicelib.engine.workspaces.log import LogQuery
from chalicelib.errors import Unavailable
from chalicelib.providers.git.objects import Person
from chalicelib.storage.workspaces import repositories
from tests.support import aws
from tests.support.world import ORG, World

DEV = Person("dev", "dev@example.com")


def test_twenty_commits_at_once_all_land(world: World) -> None:
    assert world
    names = [f"f{number}" for number in range(20)]
    for name in names:
        files.write_file(ORG, name, name.encode())

    def commit(name: str) -> str:
        return commits.commit(ORG, f"commit {name}", DEV, [name]).record.sha

    with ThreadPoolExecutor(20) as threads:
        commits_made = list(threads.map(commit, names))
    page = log.read(ORG, LogQuery(limit=100))
    assert page.total == 20
    assert {record.sha for record in page.records} == set(commits_made)
    assert {record.message for record in page.records} == {f"commit {name}" for name in names}
    for name in names:
        assert files.read_file(ORG, name).content == name.encode()
    assert commits.status(ORG).untracked == []


def test_writes_and_commits_at_once_lose_nothing(world: World) -> None:
    assert world
    rounds = 6

    def write(number: int) -> None:
        for version in range(rounds):
            files.write_file(ORG, f"f{number}", f"{number} {version}".encode())

    def commit(number: int) -> None:
        for _ in range(rounds):
            try:
                commits.commit(ORG, f"by {number}", DEV)
            except (commits.Conflict, TooManyWriters):
                continue

    with ThreadPoolExecutor(6) as threads:
        pending: list[Any] = [threads.submit(write, number) for number in range(4)]
        pending += [threads.submit(commit, number) for number in range(2)]
        for each in pending:
            each.result()
    for number in range(4):
        assert files.read_file(ORG, f"f{number}").content == f"{number} {rounds - 1}".encode()
    status = commits.status(ORG)
    if status.modified or status.untracked:
        commits.commit(ORG, "last", DEV)
    for number in range(4):
        assert files.read_file(ORG, f"f{number}").content == f"{number} {rounds - 1}".encode()


def test_a_file_that_is_written_during_its_commit_stays_changed(world: World) -> None:
    assert world
    files.write_file(ORG, "a", b"first")

    def write_before_publishing(call: aws.Call, send: Any) -> Any:
        if call == ("S3", "PUT"):
            with aws.without_interference():
                files.write_file(ORG, "a", b"second")
        return send()

    with aws.interfering(write_before_publishing):
        commits.commit(ORG, "first", DEV)
    assert files.read_file(ORG, "a").content == b"second"
    assert commits.status(ORG).modified == ["a"]
    assert commits.diff(ORG).text.endswith(
        "-first\n\\ No newline at end of file\n+second\n\\ No newline at end of file"
    )


def test_a_content_that_was_replaced_while_it_was_read_is_read_again(world: World) -> None:
    assert world
    files.write_file(ORG, "a", b"x" * 10_000)
    replaced: list[bool] = []

    def replace_once(call: aws.Call, send: Any) -> Any:
        if call == ("S3", "GET") and not replaced:
            replaced.append(True)
            with aws.without_interference():
                files.write_file(ORG, "a", b"y" * 10_000)
        return send()

    with aws.interfering(replace_once):
        assert files.read_file(ORG, "a").content == b"y" * 10_000
    assert replaced


def test_rows_that_cannot_be_removed_are_removed_after_the_next_commit(world: World) -> None:
    assert world
    files.write_file(ORG, "a", b"a")
    writes: list[str] = []

    def refuse_the_second_transaction(call: aws.Call, send: Any) -> Any:
        if call == ("DynamoDB", "TransactWriteItems"):
            writes.append(call[1])
            if len(writes) == 2:
                raise Unavailable("The database is busy; try again")
        return send()

    with aws.interfering(refuse_the_second_transaction):
        commits.commit(ORG, "one", DEV)
    assert len(_rows()) == 1
    assert commits.status(ORG) == commits.Status("main", commits.status(ORG).commit, [], [])
    files.write_file(ORG, "b", b"b")
    commits.commit(ORG, "two", DEV)
    assert _rows() == []


def _rows() -> list[Any]:
    with aws.without_interference():
        return [item for item in aws.raw_items("yardmaster-workspaces") if item["key"]["S"].startswith("tree#")]


def test_an_answer_that_was_lost_makes_no_second_commit(world: World) -> None:
    assert world
    files.write_file(ORG, "a", b"a")
    repeated: list[bool] = []

    def send_twice(call: aws.Call, send: Any) -> Any:
        answer = send()
        if call == ("DynamoDB", "TransactWriteItems") and not repeated:
            repeated.append(True)
            return send()
        return answer

    with aws.interfering(send_twice):
        commits.commit(ORG, "one", DEV)
    assert repeated
    assert log.read(ORG, LogQuery()).total == 1


def test_the_commit_of_a_lost_race_is_not_in_the_log(world: World) -> None:
    assert world
    files.write_file(ORG, "a", b"a")
    commits.commit(ORG, "one", DEV)
    workspace = workspaces.current(ORG)
    repository = repositories.find(ORG, workspace.id)
    assert repository is not None
    orphan = log.read(ORG, LogQuery()).records[0]._replace(sha="f" * 40, generation=2, parents=(repository.head or "",))
    [write] = repositories.log_writes(ORG, workspace.id, [orphan])
    publishing.dynamodb.commit(write)
    files.write_file(ORG, "b", b"b")
    commits.commit(ORG, "two", DEV)
    for query in (LogQuery(), LogQuery(author="dev")):
        assert [record.message for record in log.read(ORG, query).records] == ["two", "one"]


@pytest.mark.parametrize("count", [1, 3])
def test_the_log_asks_for_no_more_than_it_shows(world: World, count: int) -> None:
    assert world
    for number in range(5):
        files.write_file(ORG, "a", f"{number}".encode())
        commits.commit(ORG, f"{number}", DEV)
    with aws.counting() as calls:
        page = log.read(ORG, LogQuery(limit=count))
    assert [record.message for record in page.records] == ["4", "3", "2"][:count]
    assert (page.total, sum(calls.values())) == (5, 2)

"""Concurrent use of workspaces: an org's first use, switches and creations; and how much is in memory at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.engine.workspaces import commits, files, workspaces
from chalicelib.engine.workspaces.files import FileQuery
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.providers.git.objects import Person
from chalicelib.storage.workspaces import workspaces as storage
from tests.support import aws
from tests.support.world import ORG, World


def test_the_first_uses_at_once_make_one_main_project(world: World) -> None:
    assert world
    with ThreadPoolExecutor(8) as threads:
        found = {workspace.id for workspace in threads.map(lambda _: workspaces.current(ORG), range(16))}
    assert len(found) == 1
    assert [workspace.id for workspace in workspaces.list_all(ORG).workspaces] == [*found]


def test_of_switches_at_once_one_holds(world: World) -> None:
    assert world
    ids = [workspaces.create(ORG, f"w{number}").id for number in range(4)]
    with ThreadPoolExecutor(4) as threads:
        switched = list(threads.map(lambda workspace_id: workspaces.switch(ORG, workspace_id), ids))
    assert {each.workspace.id for each in switched} == set(ids)
    current = workspaces.current(ORG)
    assert current.id in ids
    assert workspaces.list_all(ORG).current == current


def test_one_of_two_creations_of_a_name_is_refused(world: World) -> None:
    assert world

    def create(_: int) -> bool:
        try:
            workspaces.create(ORG, "same")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(create, range(4))) == 1
    assert len(workspaces.list_all(ORG).workspaces) == 2


def test_an_org_has_a_maximum_of_workspaces(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert world
    monkeypatch.setattr(workspaces, "MAX_WORKSPACES", 3)
    for name in ("a", "b"):
        workspaces.create(ORG, name)
    with pytest.raises(Conflict, match="3 workspaces, the maximum"):
        workspaces.create(ORG, "c")


def test_another_orgs_workspace_is_not_found(world: World) -> None:
    assert world
    theirs = workspaces.current("umbra")
    with pytest.raises(NotFound):
        workspaces.switch(ORG, theirs.id)
    assert workspaces.current("umbra") == theirs


def test_the_current_workspace_costs_one_call(world: World) -> None:
    assert world
    workspaces.current(ORG)
    with aws.counting() as calls:
        workspaces.current(ORG)
    assert sum(calls.values()) == 1


def test_a_creation_and_a_switch_during_a_creation_are_kept(world: World) -> None:
    assert world
    first = workspaces.create(ORG, "first")
    meanwhile = iter([True])

    def create_and_switch(call: aws.Call, send: Callable[[], Any]) -> Any:
        if call == ("DynamoDB", "TransactWriteItems") and next(meanwhile, False):
            with aws.without_interference():
                workspaces.create(ORG, "second")
                workspaces.switch(ORG, first.id)
        return send()

    with aws.interfering(create_and_switch):
        workspaces.create(ORG, "third")
    state, found = storage.find_state_and_all(ORG)
    assert state is not None
    assert (state.workspaces, len(found), state.current) == (4, 4, first)


DEV = Person("dev", "dev@example.com")


@pytest.fixture
def two_files(world: World) -> list[str]:
    assert world
    for name in ("a", "b"):
        files.write_file(ORG, name, name.encode() * 10_000)
    return ["a", "b"]


def test_a_commit_reads_so_many_bytes_at_most(two_files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits, "MAX_COMMITTED_BYTES", 19_999)
    with aws.counting() as calls, pytest.raises(Conflict, match="20000 bytes differ, and one commit takes 19999"):
        commits.commit(ORG, "both", DEV)
    assert ("S3", "GET") not in calls
    for name in two_files:
        assert commits.commit(ORG, "one", DEV, [name]).files_changed == 1


def test_a_difference_of_several_files_reads_so_many_bytes_at_most(
    two_files: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "MAX_COMPARED_BYTES", 19_999)
    with aws.counting() as calls, pytest.raises(InvalidRequest, match="2 files differ"):
        commits.diff(ORG)
    assert ("S3", "GET") not in calls
    assert commits.diff(ORG, "a").additions == 1
    monkeypatch.setattr(commits, "MAX_COMPARED_BYTES", 1)
    assert commits.diff(ORG, "b").additions == 1
    assert two_files


def test_a_difference_takes_so_long_at_most(two_files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert two_files
    monkeypatch.setattr(commits, "MAX_COMPARED_SECONDS", -1.0)
    with pytest.raises(Conflict, match="name one file"):
        commits.diff(ORG)


def test_a_page_of_files_fits_into_an_answer(two_files: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_PAGE_CHARS", 300)
    shown = [entry.path for offset in range(2) for entry in files.list_files(ORG, FileQuery(offset=offset)).entries]
    assert shown == two_files
    assert files.list_files(ORG, FileQuery()).total == 2


def test_a_difference_fits_into_an_answer_of_lambda_which_escapes_letters(world: World) -> None:
    assert world
    for name in ("a", "b"):
        files.write_file(ORG, name, ("\u8a9e" * 300_000).encode())
    assert commits.diff(ORG, "a").additions == 1
    with pytest.raises(Conflict, match="name one file"):
        commits.diff(ORG)

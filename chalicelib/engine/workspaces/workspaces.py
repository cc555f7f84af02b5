"""The workspaces of an org, of which one is current. `main-project` is made when an org first uses any."""

from dataclasses import replace
from typing import NamedTuple

from chalicelib import clock, ids
from chalicelib.domain.workspaces.values import MAIN_PROJECT, OrgState, Repository, Workspace
from chalicelib.engine.documents import optimistic
from chalicelib.engine.documents.optimistic import StaleRead
from chalicelib.errors import Conflict, NotFound
from chalicelib.observability import logger
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import ConditionFailed, Write
from chalicelib.storage.workspaces import repositories, workspaces

MAX_WORKSPACES = 100
"""Of one org."""


class WorkspaceList(NamedTuple):
    """The workspaces of an org, oldest first."""

    current: Workspace
    workspaces: list[Workspace]


class Switched(NamedTuple):
    """The workspace that is current now, and since when."""

    workspace: Workspace
    at: int


def current(org: str) -> Workspace:
    """The org's current workspace. One call; three at the org's first use, which makes `main-project`."""
    return _state(org).current


def list_all(org: str) -> WorkspaceList:
    """The org's workspaces. One call."""
    state, all_workspaces = workspaces.find_state_and_all(org)
    if state is None:
        _state(org)
        return list_all(org)
    return WorkspaceList(state.current, list(all_workspaces))


def create(org: str, name: str) -> Workspace:
    """Make an empty workspace, which does not become the current one. Two calls.

    Raises Conflict when the org has a workspace of this name, or MAX_WORKSPACES.
    """
    workspace = _new(org, name)

    def attempt() -> Workspace:
        state = _state(org)
        if state.workspaces >= MAX_WORKSPACES:
            raise Conflict(f"There are {state.workspaces} workspaces, the maximum")
        new = replace(state, workspaces=state.workspaces + 1, version=state.version + 1)
        _commit_creation(workspace, workspaces.update_state_write(state, new))
        return workspace

    return optimistic.retry(attempt)


def switch(org: str, workspace_id: str) -> Switched:
    """Make a workspace of the org the current one. Three calls. Of two switches at once the later one holds.

    Raises NotFound, also for another org's workspace.
    """
    workspace = get(org, workspace_id)

    def attempt() -> Switched:
        try:
            dynamodb.commit(switch_write(workspace))
        except ConditionFailed:
            raise StaleRead from None
        return Switched(workspace, clock.now())

    return optimistic.retry(attempt)


def get(org: str, workspace_id: str) -> Workspace:
    """The workspace. One call. Raises NotFound, also for another org's."""
    workspace = workspaces.find(org, workspace_id)
    if workspace is None:
        raise NotFound("Workspace", workspace_id)
    return workspace


def switch_write(workspace: Workspace) -> Write:
    """The write that makes a workspace its org's current one, on the condition that nobody switched since this was
    called. One call, which reads the state."""
    state = _state(workspace.org)
    new = replace(state, current=workspace, switched_at=clock.now(), version=state.version + 1)
    return workspaces.update_state_write(state, new)


def _state(org: str) -> OrgState:
    return workspaces.find_state(org) or optimistic.retry(lambda: _seed(org))


def _seed(org: str) -> OrgState:
    """The org's first state, with `main-project`. Whoever comes second gets what the first one made."""
    workspace = _new(org, MAIN_PROJECT)
    state = OrgState(current=workspace, workspaces=1, switched_at=workspace.created_at)
    try:
        _commit_creation(workspace, workspaces.create_state_write(state))
    except StaleRead:
        first_state = workspaces.find_state(org)
        if first_state is None:
            raise
        return first_state
    return state


def _new(org: str, name: str) -> Workspace:
    return Workspace(org=org, id=ids.ordered("ws"), name=name, created_at=clock.now())


def _commit_creation(workspace: Workspace, state_write: Write) -> None:
    """Store a new workspace and the state that counts it. One call. Raises StaleRead, Conflict."""
    org = workspace.org
    repository = Repository(org=org, workspace_id=workspace.id)
    writes = [state_write, *workspaces.create_writes(workspace), repositories.create_write(repository)]
    try:
        dynamodb.commit(*writes)
    except ConditionFailed as error:
        if workspaces.has_name(error.items[1], workspace):
            return  # it was stored before: the answer was lost, and the AWS client sent it again
        if error.failed[0]:
            raise StaleRead from None
        raise Conflict(f"There is a workspace called {workspace.name} already") from None
    logger().info("A workspace was created", extra={"org": org, "workspace": workspace.id})

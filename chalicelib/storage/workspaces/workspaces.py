"""The workspaces of an org, and which of them is current."""

from collections.abc import Sequence

from chalicelib.domain.workspaces.values import OrgState, Workspace
from chalicelib.storage.aws import dynamodb
from chalicelib.storage.aws.dynamodb import RawItem, Write
from chalicelib.storage.workspaces import queries, table
from chalicelib.storage.workspaces.table import NameItem, OrgItem, WorkspaceItem


def create_state_write(state: OrgState) -> Write:
    """The write of an org's first state, refused when there is one."""
    return dynamodb.put(_state_item(state), OrgItem.key.does_not_exist())


def update_state_write(old: OrgState, new: OrgState) -> Write:
    """The write from `old` to `new`, on the condition that nobody wrote since `old` was read."""
    return dynamodb.put(_state_item(new), OrgItem.version == old.version)


def create_writes(workspace: Workspace) -> list[Write]:
    """The writes of a new workspace. The first is refused when its name is taken."""
    where = table.org_partition(workspace.org)
    name = NameItem(where, table.NAME_PREFIX + workspace.name, workspace_id=workspace.id)
    item = WorkspaceItem(
        where, table.WORKSPACE_PREFIX + workspace.id, name=workspace.name, created_at=workspace.created_at
    )
    return [dynamodb.put(name, NameItem.key.does_not_exist()), dynamodb.put(item, WorkspaceItem.key.does_not_exist())]


def find_state(org: str) -> OrgState | None:
    """Which workspace is current, as of now, or None. One call."""
    with dynamodb.reading():
        try:
            item = OrgItem.get(table.org_partition(org), table.CURRENT, consistent_read=True)
        except OrgItem.DoesNotExist:
            return None
    return _parse_state(org, item)


def find(org: str, workspace_id: str) -> Workspace | None:
    """The workspace, or None; it never changes. One call."""
    with dynamodb.reading():
        try:
            item = WorkspaceItem.get(table.org_partition(org), table.WORKSPACE_PREFIX + workspace_id)
        except WorkspaceItem.DoesNotExist:
            return None
    return _parse(org, item)


def find_state_and_all(org: str) -> tuple[OrgState | None, Sequence[Workspace]]:
    """Which workspace is current, and all workspaces, oldest first. One call for each megabyte."""
    last = table.end_of(table.WORKSPACE_PREFIX)
    items = list(queries.read_range(table.org_partition(org), table.CURRENT, last))
    states = [state_from_raw(org, raw) for raw in items if raw["key"]["S"] == table.CURRENT]
    workspaces = [raw for raw in items if raw["key"]["S"].startswith(table.WORKSPACE_PREFIX)]
    return (states[0] if states else None), [_parse(org, WorkspaceItem.from_raw_data(raw)) for raw in workspaces]


def has_name(raw: RawItem | None, workspace: Workspace) -> bool:
    """Whether the item that the write of a name met says that the workspace has it."""
    return raw is not None and NameItem.from_raw_data(raw).workspace_id == workspace.id


def state_from_raw(org: str, raw: RawItem) -> OrgState:
    """The raw item of a query or a refused write as a value."""
    return _parse_state(org, OrgItem.from_raw_data(raw))


def _parse_state(org: str, item: OrgItem) -> OrgState:
    return OrgState(
        current=Workspace(org=org, id=item.current_id, name=item.current_name, created_at=int(item.created_at)),
        workspaces=int(item.workspaces),
        switched_at=int(item.switched_at),
        version=int(item.version),
    )


def _state_item(state: OrgState) -> OrgItem:
    return OrgItem(
        table.org_partition(state.current.org),
        table.CURRENT,
        current_id=state.current.id,
        current_name=state.current.name,
        created_at=state.current.created_at,
        workspaces=state.workspaces,
        switched_at=state.switched_at,
        version=state.version,
    )


def _parse(org: str, item: WorkspaceItem) -> Workspace:
    workspace_id = item.key.removeprefix(table.WORKSPACE_PREFIX)
    return Workspace(org=org, id=workspace_id, name=item.name, created_at=int(item.created_at))

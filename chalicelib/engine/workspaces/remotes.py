"""Remotes: the git servers that a workspace is pushed to and pulled from. Their passwords are sealed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from chalicelib import clock
from chalicelib.domain.workspaces.values import Remote, Repository, Workspace
from chalicelib.engine.documents import optimistic
from chalicelib.engine.security import encryption, long_call_slots
from chalicelib.engine.security.encryption import CannotUnseal
from chalicelib.engine.workspaces import workspaces
from chalicelib.errors import Conflict, InvalidRequest, NotFound, Unavailable
from chalicelib.providers.git.remote import TOTAL_SECONDS, Reason, RemoteAccess, RemoteFailure
from chalicelib.providers.http import outbound
from chalicelib.storage.workspaces import repositories

Remotes = Mapping[str, Remote]
"""Remotes by name."""
MAX_REMOTES = 10
"""Of one workspace."""
MAX_AT_ONCE = 10
"""Pushes and pulls of one org: servers that hang must not occupy every function."""
_OUT_OF_REACH: frozenset[Reason] = frozenset({"unreachable", "failed"})
"""Reasons for which trying again later is right."""


def set_remote(org: str, name: str, url: str, username: str | None, password: str | None) -> Remote:
    """Set a remote of the current workspace, with these credentials or none. Three calls.

    Raises InvalidRequest for an address that may not be called, Conflict when there are MAX_REMOTES others.
    """
    _check_url(url)
    workspace = workspaces.current(org)
    sealed = encryption.seal(password, _context(workspace.org, workspace.id, name)) if password is not None else None
    remote = Remote(url.rstrip("/"), username, sealed, clock.now())

    def with_remote(old: Remotes) -> Remotes:
        if name not in old and len(old) >= MAX_REMOTES:
            raise Conflict(f"The workspace has {len(old)} remotes, the maximum")
        return {**old, name: remote}

    _change_remotes(workspace, with_remote)
    return remote


def list_remotes(org: str) -> list[tuple[str, Remote]]:
    """The remotes of the current workspace by name, in the order of the names. Two calls."""
    return sorted(require_repository(workspaces.current(org)).remotes.items())


def remove_remote(org: str, name: str) -> None:
    """Remove a remote of the current workspace, with its credentials. Three calls. Raises NotFound."""

    def without_remote(old: Remotes) -> Remotes:
        if name not in old:
            raise NotFound("Remote", name)
        return {other: remote for other, remote in old.items() if other != name}

    _change_remotes(workspaces.current(org), without_remote)


def _change_remotes(workspace: Workspace, change: Callable[[Remotes], Remotes]) -> None:
    def attempt() -> None:
        old = require_repository(workspace)
        new = replace(old, remotes=change(old.remotes), version=old.version + 1)
        optimistic.commit_change(new, repositories.from_raw, [repositories.update_write(old, new)])

    optimistic.retry(attempt)


def _check_url(url: str) -> None:
    problem = None
    try:
        outbound.check_url(url)
    except InvalidRequest as error:
        problem = error.message
    if "?" in url or "#" in url:
        problem = "A remote's address has no query and no fragment."
    if problem is not None:
        raise InvalidRequest(f"url: {problem}", fields={"url": problem})


def require_repository(workspace: Workspace) -> Repository:
    """The workspace's repository as of now. One call. Raises NotFound."""
    repository = repositories.find(workspace.org, workspace.id)
    if repository is None:
        raise NotFound("Workspace", workspace.id)
    return repository


def access(repository: Repository, name: str) -> RemoteAccess:
    """The address and the credentials of a remote. Raises Conflict, which says how to set one that is missing."""
    remote = repository.remotes.get(name)
    if remote is None:
        raise Conflict(f"The workspace has no remote {name}: set one with PUT /api/git/remotes/{name} and its url")
    if remote.sealed_password is None:
        return RemoteAccess(remote.url, remote.username)
    try:
        context = _context(repository.org, repository.workspace_id, name)
        return RemoteAccess(remote.url, remote.username, encryption.unseal(remote.sealed_password, context))
    except CannotUnseal:
        raise Conflict(f"The password of the remote {name} can no longer be read: set the remote again") from None


@contextmanager
def requesting(org: str, name: str) -> Iterator[None]:
    """Around requests to a remote: an org may wait for MAX_AT_ONCE of them. Two calls.

    A failure of the remote is Unavailable when it may be over later, else Conflict. Raises TooManyRequests.
    """
    try:
        with long_call_slots.hold_required_slot(org, "remotes", MAX_AT_ONCE, TOTAL_SECONDS):
            yield
    except RemoteFailure as failure:
        if failure.reason in _OUT_OF_REACH:
            raise Unavailable(f"{failure}; the remote is {name}") from None
        hint = ": set them with PUT /api/git/remotes/" + name if failure.reason == "unauthorized" else ""
        raise Conflict(f"{failure}{hint}") from None


def _context(org: str, workspace_id: str, name: str) -> str:
    return f"{org}#{workspace_id}#remote#{name}"

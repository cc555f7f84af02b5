"""Members of projects and their permissions.

They are stored in two places that one transaction changes: in the project, which shows its members, and in each
member's user (`memberships`: project id -> permissions), where authentication reads them without another call.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypedDict

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.documents import documents as storage

MAX_MEMBERS = 200
"""Members that a project can have."""
MAX_CHANGES = 90
"""Members that one request can add, remove or change: they are in one transaction."""
MAX_MEMBERSHIPS = 1_000
"""Projects that a user can be a member of: each adds to the size of the user's item."""
BATCH_SIZE = 25
PROJECT, USER = "project", "user"


class Member(TypedDict):
    """Part of a project's body."""

    role: str
    permissions: list[str]  # in this project, in addition to those of the user's role
    since: int  # epoch milliseconds


Team = Mapping[str, Member]
"""User id -> member."""


def team_of(project: Document) -> Team:
    """The members of a project."""
    team: Team = project.body["members"]
    return team


class Grantor(NamedTuple):
    """The caller who changes members, and the caller's permissions in the project: no others can be granted."""

    subject: str
    permissions: Collection[str]


def add(org: str, project_id: str, user_id: str, role: str, permissions: list[str], by: Grantor) -> Member:
    """Add a member, or change one. Three calls.

    Raises NotFound for the project; InvalidRequest for a user that does not exist, or for permissions that the grantor
    does not have; Conflict when a limit is reached.
    """

    def decide(project: Document) -> Document:
        before = team_of(project).get(user_id)
        since = clock.now() if before is None else before["since"]
        member = Member(role=role, permissions=permissions, since=since)
        return with_team(project, {**team_of(project), user_id: member}, by)

    return team_of(_change(org, project_id, decide, by.subject))[user_id]


def remove(org: str, project_id: str, user_id: str, by: str) -> None:
    """Remove a member from a project. Three calls. Raises NotFound for the project and for the member."""

    def decide(project: Document) -> Document:
        if user_id not in team_of(project):
            raise NotFound("Member", user_id)
        return _without(project, user_id)

    _change(org, project_id, decide, by)


def remove_user(org: str, user_id: str, project_ids: Collection[str]) -> None:
    """Remove a deleted user from projects; deleted projects are skipped. Two calls for each."""
    for project_id in project_ids:
        with suppress(NotFound):
            _change(org, project_id, lambda project: _without(project, user_id), None)


def _without(project: Document, user_id: str) -> Document:
    team = team_of(project)
    others = {member_id: team[member_id] for member_id in team if member_id != user_id}
    return project if others == team else replace(project, body={**project.body, "members": others})


def _change(org: str, project_id: str, decide: documents.Decision, by: str | None) -> Document:
    return documents.change(org, PROJECT, project_id, decide, by=by, also=partial(membership_writes, field="userId"))


def with_team(project: Document, team: Team, by: Grantor) -> Document:
    """The project with these members; the same object when they do not change.

    Raises Conflict for too many members, InvalidRequest for a new permission that the grantor does not have.
    """
    before = team_of(project)
    if team == before:
        return project
    if len(team) > MAX_MEMBERS:
        raise Conflict(f"A project has at most {MAX_MEMBERS} members")
    gained = {
        permission
        for user in team
        for permission in {*team[user]["permissions"]} - {*(_permissions_of(before, user) or ())}
    }
    if not gained <= {*by.permissions}:
        what = f"must be among your own in this project; {min(gained - {*by.permissions})} is not"
        raise InvalidRequest(f"permissions: {what}", fields={"permissions": what})
    return replace(project, body={**project.body, "members": dict(team)})


def membership_writes(old: Document, new: Document, field: str = "teamMembers") -> list[Write]:
    """The writes to the users whose permissions in the project change, for the transaction that changes its members.

    One call, none when no permissions change. Raises InvalidRequest for new members that are not users.
    """
    changed = changed_members(team_of(old), team_of(new))
    users = storage.find_many(new.org, USER, changed) if changed else {}
    return user_writes(new, changed, users, field)


def changed_members(before: Team, after: Team) -> set[str]:
    """The ids of the users whose permissions change. Raises InvalidRequest for more than MAX_CHANGES."""
    changed = {
        user for user in before.keys() | after.keys() if _permissions_of(before, user) != _permissions_of(after, user)
    }
    if len(changed) > MAX_CHANGES:
        what = f"must change at most {MAX_CHANGES} members at once"
        raise InvalidRequest(f"teamMembers: {what}", fields={"teamMembers": what})
    return changed


def _permissions_of(team: Team, user_id: str) -> list[str] | None:
    return team[user_id]["permissions"] if user_id in team else None


def user_writes(
    project: Document, changed: Collection[str], users: Mapping[str, Document], field: str = "teamMembers"
) -> list[Write]:
    """The writes to the users with changed permissions.

    Raises InvalidRequest for new members that are not users; `field` is the request's field that names them.
    """
    team = team_of(project)
    missing = sorted(user_id for user_id in changed if user_id in team and user_id not in users)
    if missing:
        what = f"must name users of this organization; {missing[0]} is not one"
        raise InvalidRequest(f"{field}: {what}", fields={field: what})
    existing = [users[user_id] for user_id in changed if user_id in users]
    return [
        storage.update_write(user, _with_membership(user, project, _permissions_of(team, user.id))) for user in existing
    ]


def _with_membership(user: Document, project: Document, permissions: list[str] | None) -> Document:
    memberships = {name: value for name, value in user.body.get("memberships", {}).items() if name != project.id}
    if permissions is not None:
        memberships[project.id] = permissions
    if len(memberships) > MAX_MEMBERSHIPS:
        raise Conflict(f"{user.id} is already a member of {MAX_MEMBERSHIPS} projects, the maximum")
    body = {**user.body, "memberships": memberships}
    return replace(user, body=body, version=user.version + 1, updated_at=clock.now(), changed_by=project.changed_by)


def remove_memberships(org: str, project_id: str, user_ids: Collection[str]) -> bool:
    """Remove a deleted project from some of its members' users; returns whether none is left."""
    users = storage.find_many(org, USER, user_ids)
    members = [user.id for user in users.values() if project_id in user.body.get("memberships", {})]
    for user_id in members[:BATCH_SIZE]:
        with suppress(NotFound):
            documents.change(org, USER, user_id, lambda user: _without_membership(user, project_id))
    return len(members) <= BATCH_SIZE


def _without_membership(user: Document, project_id: str) -> Document:
    memberships = user.body.get("memberships", {})
    others = {name: permissions for name, permissions in memberships.items() if name != project_id}
    return user if others == memberships else replace(user, body={**user.body, "memberships": others})

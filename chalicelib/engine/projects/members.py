"""Who belongs to a project, and what they may do in it.

That stands in two places, changed as one: on the project, which shows it, and on each member's user, where whoever
authenticates them finds it without another call (`memberships`: project id -> permissions).
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

MOST = 200
"""Members of a project."""
MOST_AT_ONCE = 90
"""Members who come, go or change in one request: one transaction holds them all."""
MOST_MEMBERSHIPS = 1_000
"""Projects that a user is a member of: each takes room on the user."""
DISMISSED_AT_ONCE = 25
PROJECT, USER = "project", "user"


class Member(TypedDict):
    """Part of a project's body."""

    role: str
    permissions: list[str]  # within this project, besides what the user's own role allows
    since: int  # epoch milliseconds


Team = Mapping[str, Member]
"""User id -> member."""


def team_of(project: Document) -> Team:
    """The members of a project."""
    team: Team = project.body["members"]
    return team


class Giver(NamedTuple):
    """Who makes others members, and what they may therefore be given at most: what the giver may do there."""

    subject: str
    permissions: Collection[str]


def add(org: str, project_id: str, user_id: str, role: str, permissions: list[str], by: Giver) -> Member:
    """Make a user a member, or change what the member is. Three calls.

    Raises NotFound for the project; InvalidRequest when there is no such user, or for permissions that are not the
    giver's to give; Conflict when a limit is reached.
    """

    def decide(project: Document) -> Document:
        known = team_of(project).get(user_id)
        since = clock.now() if known is None else known["since"]
        member = Member(role=role, permissions=permissions, since=since)
        return with_team(project, {**team_of(project), user_id: member}, by)

    return team_of(_change(org, project_id, decide, by.subject))[user_id]


def remove(org: str, project_id: str, user_id: str, by: str) -> None:
    """Take a member out of a project. Three calls. Raises NotFound, also for who is no member."""

    def decide(project: Document) -> Document:
        if user_id not in team_of(project):
            raise NotFound("Member", user_id)
        return _without(project, user_id)

    _change(org, project_id, decide, by)


def forget(org: str, user_id: str, project_ids: Collection[str]) -> None:
    """Take a user who is gone out of projects; one that is gone, too, needs nothing. Two calls each."""
    for project_id in project_ids:
        with suppress(NotFound):
            _change(org, project_id, lambda project: _without(project, user_id), None)


def _without(project: Document, user_id: str) -> Document:
    team = team_of(project)
    left = {user: team[user] for user in team if user != user_id}
    return project if left == team else replace(project, body={**project.body, "members": left})


def _change(org: str, project_id: str, decide: documents.Decision, by: str | None) -> Document:
    return documents.change(org, PROJECT, project_id, decide, by=by, also=partial(follow, field="userId"))


def with_team(project: Document, team: Team, by: Giver) -> Document:
    """The project with these members; the project itself where it has them.

    Raises Conflict for too many, and InvalidRequest when somebody would gain what is not the giver's to give.
    """
    before = team_of(project)
    if team == before:
        return project
    if len(team) > MOST:
        raise Conflict(f"A project has at most {MOST} members")
    gained = {one for user in team for one in {*team[user]["permissions"]} - {*(_allowed(before, user) or ())}}
    if not gained <= {*by.permissions}:
        what = f"must be among your own here, which {min(gained - {*by.permissions})} is not"
        raise InvalidRequest(f"permissions: {what}", fields={"permissions": what})
    return replace(project, body={**project.body, "members": dict(team)})


def follow(old: Document, new: Document, field: str = "teamMembers") -> list[Write]:
    """The writes by which users learn what they may do in a project, for the transaction that changes its members.

    One call, none where nothing changes for anybody. Raises InvalidRequest for new members that are no users.
    """
    moved = moved_between(team_of(old), team_of(new))
    users = storage.find_many(new.org, USER, moved) if moved else {}
    return told(new, moved, users, field)


def moved_between(before: Team, after: Team) -> set[str]:
    """The users for whom something changes. Raises InvalidRequest for more than one transaction holds."""
    moved = {user for user in before.keys() | after.keys() if _allowed(before, user) != _allowed(after, user)}
    if len(moved) > MOST_AT_ONCE:
        what = f"must change at most {MOST_AT_ONCE} members at once"
        raise InvalidRequest(f"teamMembers: {what}", fields={"teamMembers": what})
    return moved


def _allowed(team: Team, user_id: str) -> list[str] | None:
    return team[user_id]["permissions"] if user_id in team else None


def told(
    project: Document, moved: Collection[str], users: Mapping[str, Document], field: str = "teamMembers"
) -> list[Write]:
    """The writes to those of the users who are concerned. Raises InvalidRequest, of the `field` that names them, for
    new members who are not there."""
    team = team_of(project)
    strangers = sorted(user for user in moved if user in team and user not in users)
    if strangers:
        what = f"must name users of this organization, which {strangers[0]} is not"
        raise InvalidRequest(f"{field}: {what}", fields={field: what})
    concerned = [users[user] for user in moved if user in users]
    return [storage.update_write(user, _with_membership(user, project, _allowed(team, user.id))) for user in concerned]


def _with_membership(user: Document, project: Document, permissions: list[str] | None) -> Document:
    held = {one: said for one, said in user.body.get("memberships", {}).items() if one != project.id}
    if permissions is not None:
        held[project.id] = permissions
    if len(held) > MOST_MEMBERSHIPS:
        raise Conflict(f"{user.id} is a member of {MOST_MEMBERSHIPS} projects, which is the most")
    body = {**user.body, "memberships": held}
    return replace(user, body=body, version=user.version + 1, updated_at=clock.now(), changed_by=project.changed_by)


def dismissed(org: str, project_id: str, user_ids: Collection[str]) -> bool:
    """Make some of those who were members of a project that is gone forget it; whether none is left who knows it."""
    users = storage.find_many(org, USER, user_ids)
    knowing = [user.id for user in users.values() if project_id in user.body.get("memberships", {})]
    for user_id in knowing[:DISMISSED_AT_ONCE]:
        with suppress(NotFound):
            documents.change(org, USER, user_id, lambda user: _forgetting(user, project_id))
    return len(knowing) <= DISMISSED_AT_ONCE


def _forgetting(user: Document, project_id: str) -> Document:
    held = user.body.get("memberships", {})
    left = {one: permissions for one, permissions in held.items() if one != project_id}
    return user if left == held else replace(user, body={**user.body, "memberships": left})

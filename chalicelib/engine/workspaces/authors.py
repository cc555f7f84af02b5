"""Who a commit is by."""

from chalicelib.engine.security.authentication import ANONYMOUS
from chalicelib.engine.workspaces.commits import COMMITTER
from chalicelib.providers.git.objects import Person


def author_of(org: str, subject: str) -> Person:
    """The author of what a caller commits: the subject of the token or, for an anonymous caller, the committer."""
    if (org, subject) == (ANONYMOUS.org, ANONYMOUS.subject):
        return COMMITTER
    return Person(subject, f"{subject}@{org}.yardmaster.invalid")

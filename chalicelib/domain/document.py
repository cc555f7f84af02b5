"""A document as a plain value: a record of one tenant, such as a project, a comment or a webhook."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One record, as stored. What `body` holds depends on the kind; the engine module of the kind defines it."""

    org: str
    kind: str  # project, user, comment, file, notification, webhook, client, ...
    id: str  # of `ids.ordered`: the documents of a partition are in order of age
    parent: str | None = None  # the id of what the document belongs to: a comment's task
    body: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1  # grows by one with every write
    created_at: int
    updated_at: int
    changed_by: str | None = None  # who made the latest change, when it was a caller
    expires_at_ms: int | None = None  # epoch milliseconds; from then on it does not exist


PROJECTS_POOL = "projects"
"""The pool of the projects API, to which the announced documents belong."""
SERVICE_ORG = "#house"
"""The org of Yardmaster's own documents. No tenant's name holds a "#". The stored value is older than the name."""
JOB_KIND = "chore"
"""The kind of background jobs (engine.documents.background_jobs). The stored value is older than the name."""

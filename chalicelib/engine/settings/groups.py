"""Read and change the settings of an org, one group at a time. A group is a document."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib.domain.document import Document
from chalicelib.domain.settings.setting import Group
from chalicelib.engine.documents import documents
from chalicelib.errors import NotFound
from chalicelib.storage.documents import documents as storage

KIND = "settings"


def read(org: str, group: Group) -> dict[str, Any]:
    """The value of each setting of a group, as of now. One call."""
    stored = storage.find(org, KIND, group.name)
    return group.with_defaults(stored.body if stored is not None else {})


def change(org: str, group: Group, values: Mapping[str, Any], by: str) -> Document:
    """Set these settings and leave the others. Two calls.

    Of two changes at once both take effect; of one setting the later one. Raises InvalidRequest for a name or a value
    that the group does not have.
    """
    group.check(values)
    return documents.put(org, KIND, group.name, lambda body: {**body, **values}, by=by)


def reset(org: str, group: Group) -> None:
    """Give each setting of a group its default again. Two calls."""
    with suppress(NotFound):
        documents.delete(org, KIND, group.name)

"""The model that an org has chosen, and the parameters with which it is called."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from chalicelib import clock
from chalicelib.domain.document import Document
from chalicelib.domain.models.catalogue import Entry
from chalicelib.engine.documents import documents, optimistic
from chalicelib.engine.models import catalogue
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.documents import documents as storage

KIND = "model-choice"
"""The kind of the document with an org's choice, its only one."""
ID = "current"
TEMPERATURE, TOP_P = 0.7, 0.95
"""What an org has that has chosen nothing; the document's values."""


class CurrentModel(NamedTuple):
    """The model of an org, and how its text is drawn. `switched_at_ms` is 0 for an org that has chosen nothing."""

    entry: Entry
    temperature: float = TEMPERATURE
    top_p: float = TOP_P
    switched_at_ms: int = 0


def get_current(org: str) -> CurrentModel:
    """The model that the org has chosen; the first of the catalogue for one that has not, or whose choice is gone.

    One call. Raises NotConfigured where there is no model.
    """
    entries = {entry.model.id: entry for entry in catalogue.require_models(org)}
    document = storage.find(org, KIND, ID)
    chosen = entries.get(document.body["model_id"]) if document is not None else None
    return CurrentModel(next(iter(entries.values()))) if chosen is None or document is None else _read(chosen, document)


def switch(
    org: str, model_id: str, *, temperature: float | None = None, top_p: float | None = None, by: str | None = None
) -> CurrentModel:
    """Choose a model, and keep the parameters that are not named. Two calls.

    Of two switches at once the later write stays, as a whole. Raises NotConfigured, and InvalidRequest for an unknown
    model.
    """
    entry = catalogue.find_model(org, model_id)
    named = {"temperature": temperature, "top_p": top_p}
    changes = {name: value for name, value in named.items() if value is not None}

    def attempt() -> CurrentModel:
        document, write = _next_choice(org, {"model_id": model_id, **changes}, by)
        optimistic.commit_change(document, storage.from_raw, [write])
        return _read(entry, document)

    return optimistic.retry(attempt)


def choose_write(org: str, model_id: str, by: str) -> Write:
    """The write that chooses a model of the catalogue and keeps the parameters, refused when the org chooses meanwhile.
    One call, to read the choice that it replaces."""
    return _next_choice(org, {"model_id": model_id}, by)[1]


def _next_choice(org: str, changes: Mapping[str, Any], by: str | None) -> tuple[Document, Write]:
    old = storage.find(org, KIND, ID)
    body = {**(old.body if old is not None else {}), **changes, "switched_at": clock.now()}
    return documents.next_version(old, documents.new(org, KIND, body, id=ID, by=by))


def _read(entry: Entry, document: Document) -> CurrentModel:
    body = document.body
    return CurrentModel(entry, body.get("temperature", TEMPERATURE), body.get("top_p", TOP_P), body["switched_at"])

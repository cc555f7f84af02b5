"""Training examples: a document has the figures of one, an object in S3 its texts."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from chalicelib import clock, ids
from chalicelib.domain.document import Document
from chalicelib.domain.training.example import Example
from chalicelib.engine.documents import documents
from chalicelib.engine.statistics import parallel_calls
from chalicelib.errors import Conflict
from chalicelib.storage.aws import s3
from chalicelib.storage.documents import documents as storage

KIND = "example"
SAMPLE = 500
"""The newest examples, from which patterns are learned."""


def record(org: str, example: Example, prompt: Mapping[str, Any], content: str) -> None:
    """Keep an example, each execution's once. Two calls."""
    identifier = ids.derived_at(example.decided_at, KIND, org, example.execution_id)
    texts = json.dumps({"prompt": prompt, "content": content}, ensure_ascii=False)
    s3.put_object(_texts_key(org, identifier), texts.encode(), "application/json")
    with suppress(Conflict):  # it was recorded before
        documents.create(documents.new(org, KIND, example._asdict(), id=identifier))


def read_sample(org: str) -> list[Example]:
    """The newest SAMPLE examples, newest first. One call."""
    return [Example(**document.body) for document in storage.find_page(org, KIND, limit=SAMPLE)]


def read_batch(org: str, after: str | None, limit: int) -> list[Document]:
    """Up to `limit` examples after the id of one, oldest first. One call."""
    return storage.find_page(org, KIND, after=after, limit=limit, newest=False)


def load_rows(batch: Sequence[Document]) -> list[dict[str, Any]]:
    """The examples with their texts, as an export shows them. One call for each, six at a time."""
    texts = parallel_calls.each(lambda number: _load_texts(batch[number]), range(len(batch)))
    return [_shown(document.body, text) for document, text in zip(batch, texts, strict=True)]


def _shown(body: Mapping[str, Any], texts: Mapping[str, Any]) -> dict[str, Any]:
    return {**body, **texts, "decided_at": clock.iso(body["decided_at"])}


def _load_texts(document: Document) -> dict[str, Any]:
    texts: dict[str, Any] = s3.load_json(_texts_key(document.org, document.id))
    return texts


def _texts_key(org: str, identifier: str) -> str:
    return f"training/{org}/examples/{identifier}.json"

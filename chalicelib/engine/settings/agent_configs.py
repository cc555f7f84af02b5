"""The configuration of single agents: JSON that their owner keeps here and that the agents read."""

from collections.abc import Mapping
from typing import Any

from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.engine.tasks import payloads
from chalicelib.errors import Conflict, InvalidRequest, NotFound
from chalicelib.storage.access import quotas
from chalicelib.storage.aws.dynamodb import ConditionFailed
from chalicelib.storage.documents import documents as storage

KIND = "agent-config"
MAX_CONFIGS = 500
"""Configurations that an org can have: a list reads them all."""
MAX_CONFIG_CHARS = 4_000
"""Characters of a configuration's JSON."""


def configure(org: str, agent_id: str, config: Mapping[str, Any], by: str) -> Document:
    """Store the configuration of an agent, in place of the one that it has. Two calls.

    The agent need not be registered yet. Raises InvalidRequest for a configuration that is too large, Conflict when the
    org has MAX_CONFIGS.
    """
    if len(payloads.compact_json(config)) > MAX_CONFIG_CHARS:
        what = f"must be at most {MAX_CONFIG_CHARS} characters as JSON"
        raise InvalidRequest(f"config: {what}", fields={"config": what})
    counted = quotas.take_write(org, KIND, MAX_CONFIGS)
    body = {"config": dict(config)}
    try:
        return documents.put(org, KIND, agent_id, lambda _: body, by=by, when_created=[counted])
    except ConditionFailed:
        message = f"An organization has at most {MAX_CONFIGS} configured agents: remove one first"
        raise Conflict(message) from None


def remove(org: str, agent_id: str) -> None:
    """Remove the configuration of an agent. Two calls. Raises NotFound."""
    try:
        documents.delete(org, KIND, agent_id, also=lambda _: [quotas.give_back_write(org, KIND)])
    except NotFound:
        raise NotFound("Configuration", agent_id) from None


def list_all(org: str) -> list[Document]:
    """The configurations of an org, by the ids of their agents. One call for each megabyte."""
    return list(storage.iter_all(org, KIND, newest=False))

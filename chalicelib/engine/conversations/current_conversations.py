"""The current conversation of each user: the one that was restored last. What names no conversation is said in it."""

from chalicelib.domain.document import Document
from chalicelib.engine.documents import documents
from chalicelib.storage.aws.dynamodb import Write
from chalicelib.storage.documents import documents as storage

KIND = "current-conversation"


def find(org: str, pool: str, user_id: str) -> str | None:
    """The id of the user's current conversation, or None. The conversation may be deleted meanwhile. One call."""
    document = _find(org, pool, user_id)
    return str(document.body["conversation_id"]) if document is not None else None


def choose_write(org: str, pool: str, user_id: str, conversation_id: str, by: str) -> Write:
    """The write that makes a conversation the user's current one, refused when another is chosen meanwhile. One call to
    read what it replaces."""
    draft = documents.new(org, KIND, {"conversation_id": conversation_id}, parent=pool, id=user_id, by=by)
    return documents.next_version(_find(org, pool, user_id), draft)[1]


def _find(org: str, pool: str, user_id: str) -> Document | None:
    return storage.find(org, KIND, user_id, pool)

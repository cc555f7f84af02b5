"""The scope of an `Idempotency-Key`: one caller in one API. Two callers, or two APIs, never share a key."""

import json


def scoped_key(api: str, subject: str, key: str) -> str:
    """The key with its scope, as it is stored. It is JSON, so that no two different pairs have the same text."""
    return json.dumps([api, subject, key])

"""Whose an `Idempotency-Key` is: its caller's, in one API. Two callers, or two APIs, never share one.

The scope is JSON, so that no subject or key can be written in a way that makes it look like another pair.
"""

import json


def scoped_key(api: str, subject: str, key: str) -> str:
    """The key as an org's storage knows it."""
    return json.dumps([api, subject, key])

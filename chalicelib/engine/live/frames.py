"""Frames on their way out to WebSocket connections: JSON as text."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib import clock
from chalicelib.storage.aws import websocket_api
from chalicelib.storage.aws.websocket_api import ConnectionGone

Frame = Mapping[str, Any]

OPENING_PAUSES_S = (0.1, 0.4, 1.0)
"""Pauses after which a connection that was let in just now must be open."""
OPENING_MS = 2 * clock.SECOND


def format_instant(at: int) -> str:
    """An instant in epoch milliseconds as ISO 8601 in UTC, in whole seconds with Z."""
    return clock.utc(at).strftime("%Y-%m-%dT%H:%M:%SZ")


def encode(frame: Frame) -> str:
    """The frame as it is sent."""
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


def post(connection_id: str, words: str, *, patient: bool = False) -> None:
    """Send a frame's text. Raises Gone, Unavailable.

    A client is let in before its connection is open, and until then the gateway does not know it: with `patient`,
    what seems gone is tried again for a moment.
    """
    for pause in OPENING_PAUSES_S if patient else ():
        with suppress(ConnectionGone):
            websocket_api.post(connection_id, words)
            return
        clock.sleep(pause)
    websocket_api.post(connection_id, words)


def reply(connection_id: str, frame: Frame) -> None:
    """Answer a connection that has just spoken; one that is gone needs no answer."""
    with suppress(ConnectionGone):
        post(connection_id, encode(frame))

"""Sending frames, which are JSON objects as text, to WebSocket connections."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from chalicelib import clock
from chalicelib.storage.aws import websocket_api
from chalicelib.storage.aws.websocket_api import ConnectionGone

Frame = Mapping[str, Any]

OPENING_PAUSES_S = (0.1, 0.4, 1.0)
"""Pauses between the attempts to send to a connection that was accepted just now: after them it must be open."""
OPENING_MS = 2 * clock.SECOND


def encode(frame: Frame) -> str:
    """The frame as JSON text."""
    return json.dumps(frame, separators=(",", ":"), ensure_ascii=False)


def post(connection_id: str, text: str, *, patient: bool = False) -> None:
    """Send a frame's text. Raises Gone, Unavailable.

    A connection is accepted before it is open, and until then API Gateway reports it as gone: with `patient`, sending
    to it is tried again for 1.5 s.
    """
    for pause in OPENING_PAUSES_S if patient else ():
        with suppress(ConnectionGone):
            websocket_api.post(connection_id, text)
            return
        clock.sleep(pause)
    websocket_api.post(connection_id, text)


def reply(connection_id: str, frame: Frame) -> None:
    """Send the answer to a frame. Nothing happens when the connection is gone."""
    with suppress(ConnectionGone):
        post(connection_id, encode(frame))

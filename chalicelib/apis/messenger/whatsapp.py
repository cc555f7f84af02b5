"""Pair WhatsApp's bridge with a phone (delqhi-platform.md, "Get WhatsApp QR Code" and "Logout WhatsApp")."""

import base64
from typing import Literal

from pydantic import ConfigDict, Field

from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine.messaging import provider_status
from chalicelib.engine.messaging.provider_status import PairingStatus

routes = Routes("/api/whatsapp", tag="WhatsApp")


class QrOut(Schema):
    """The state of the pairing with WhatsApp. While the phone must scan a code, `qr` is that code as a PNG."""

    model_config = ConfigDict(populate_by_name=True)

    status: PairingStatus
    has_qr: bool = Field(alias="hasQR")
    qr: str | None = Field(examples=["data:image/png;base64,..."])


class LogoutOut(Schema):
    """The session has ended, on the bridge and on the phone."""

    status: Literal["logged_out"] = "logged_out"


@routes.get("/qr")
def get_qr(caller: Caller) -> QrOut:
    """Get the QR code that pairs a phone with the bridge. WhatsApp replaces it about every 20 seconds."""
    pairing = provider_status.get_pairing(caller.org)
    qr = None if pairing.png is None else f"data:image/png;base64,{base64.b64encode(pairing.png).decode()}"
    return QrOut(status=pairing.status, has_qr=qr is not None, qr=qr)


@routes.post("/logout", errors=[503])
def log_out(caller: Caller) -> LogoutOut:
    """End the bridge's session. To use it again, a phone must scan a new code."""
    provider_status.log_out(caller.org)
    return LogoutOut()

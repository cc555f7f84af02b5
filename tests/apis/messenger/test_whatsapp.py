"""Pairing WhatsApp: the picture can be scanned, and the session can be ended."""

import base64
import io
import struct
import zlib

import pytest
import segno
import zxingcpp

from chalicelib.providers.http.outbound import Response
from tests.apis.messenger.conftest import Desk
from tests.support.messengers import DEAD, KEY, configure
from tests.support.world import answer

CODE = "2@kJ0y5dQ3vN8,Zm9vYmFy+/=,c2VjcmV0,MTIzNDU2Nzg5MA==,1"
"""What WhatsApp has a phone scan looks like this."""
CLOUD = {"access_token": "cloud-secret", "phone_number_id": "1", "to": "491234567890"}


def picture(text: str) -> bytes:
    """The PNG of a QR code."""
    found = io.BytesIO()
    segno.make(text, micro=False).save(found, kind="png", scale=4)
    return found.getvalue()


def scanned(png: bytes) -> list[str]:
    """What a phone would read in a PNG of one bit for each pixel."""
    header, data, at = b"", b"", 8
    while at < len(png):
        [length], kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        body = png[at + 8 : at + 8 + length]
        header, data = (body if kind == b"IHDR" else header), data + (body if kind == b"IDAT" else b"")
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    assert (depth, colour) == (1, 0)
    flat, row = zlib.decompress(data), 1 + (width + 7) // 8
    lines = [bytes(row - 1)]
    for line in range(height):
        filtered, *bits = flat[line * row : (line + 1) * row]
        assert filtered in (0, 2)
        lines.append(
            bytes(each + (above if filtered else 0) & 255 for each, above in zip(bits, lines[-1], strict=True))
        )
    pixels = bytes(255 * (line[x // 8] >> (7 - x % 8) & 1) for line in lines[1:] for x in range(width))
    return [found.text for found in zxingcpp.read_barcodes(memoryview(pixels).cast("B", (height, width)))]


def test_the_code_can_be_scanned(desk: Desk) -> None:
    desk.by.whatsapp.status, desk.by.whatsapp.png = "SCAN_QR_CODE", picture(CODE)
    shown = desk.told("GET", "/api/whatsapp/qr")
    assert list(shown) == ["status", "hasQR", "qr"]
    assert (shown["status"], shown["hasQR"]) == ("awaiting_scan", True)
    kind, _, encoded = shown["qr"].partition(",")
    assert kind == "data:image/png;base64"
    assert scanned(base64.b64decode(encoded, validate=True)) == [CODE]


def test_a_bridge_that_sends_the_picture_itself_will_do(desk: Desk) -> None:
    desk.by.whatsapp.status, inner = "SCAN_QR_CODE", desk.by.world.servers["waha.example"]

    def older(url: str, headers: dict[str, str], body: bytes) -> object:
        found = answer(200)
        return type(found)(200, {}, picture(CODE)) if "/auth/qr" in url else inner(url, headers, body)

    desk.by.world.servers["waha.example"] = older  # type: ignore[assignment]
    encoded = desk.told("GET", "/api/whatsapp/qr")["qr"].partition(",")[2]
    assert scanned(base64.b64decode(encoded)) == [CODE]


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("WORKING", "connected"),
        ("STARTING", "starting"),
        ("STOPPED", "disconnected"),
        ("FAILED", "failed"),
        ("??", "failed"),
    ],
)
def test_without_a_code_it_says_how_far_the_bridge_is(desk: Desk, status: str, shown: str) -> None:
    desk.by.whatsapp.status = status
    assert desk.told("GET", "/api/whatsapp/qr") == {"status": shown, "hasQR": False, "qr": None}


@pytest.mark.parametrize("account", [{}, {"whatsapp": CLOUD}, {"whatsapp": {"url": "https://waha.example"}}])
def test_without_a_bridge_there_is_nothing_to_pair(desk: Desk, account: dict[str, dict[str, str]]) -> None:
    configure(account)
    assert desk.told("GET", "/api/whatsapp/qr") == {"status": "not_configured", "hasQR": False, "qr": None}
    assert "whatsapp.url" in desk.refused(503, "POST", "/api/whatsapp/logout")


def test_a_bridge_that_does_not_answer_is_unreachable(desk: Desk) -> None:
    desk.by.whatsapp.status = "SCAN_QR_CODE"
    for reply in (DEAD, answer(500), answer(200, {"no": "status"})):
        desk.by.whatsapp.reply = reply
        assert desk.told("GET", "/api/whatsapp/qr")["status"] == "unreachable"
    desk.by.whatsapp.reply, desk.by.whatsapp.png = None, b"<html>"
    assert desk.told("GET", "/api/whatsapp/qr")["status"] == "unreachable"


def test_logging_out_ends_the_session(desk: Desk) -> None:
    assert desk.messenger("whatsapp")["connected"]
    assert desk.told("POST", "/api/whatsapp/logout") == {"status": "logged_out"}
    assert desk.by.whatsapp.status == "STOPPED"
    assert desk.messenger("whatsapp")["problem"] == "the WhatsApp session is STOPPED", "it was asked again"
    desk.by.whatsapp.reply = answer(422, {"message": f"no session for {KEY}"})
    assert desk.refused(503, "POST", "/api/whatsapp/logout").endswith("did not log out: no session for ***")
    desk.by.whatsapp.reply = Response(200, {}, b"<html>Pay for this network")
    assert desk.refused(503, "POST", "/api/whatsapp/logout").endswith("the answer is not the provider's")

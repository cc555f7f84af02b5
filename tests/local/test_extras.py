"""Extras of the local stack: real pip with small packages of the test's own; nothing is downloaded."""

import base64
import hashlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from chalicelib.providers import extras
from chalicelib.providers.extras import EXTRAS, Extra, ExtraState
from infra.local import CannotRun
from infra.local.extras import CONSTRAINTS, SOURCES, Installer, RequirementFile, Source

NAME = "toy"


def wheel(folder: Path, name: str, source: str = "") -> str:
    """Write a package with one module into `folder`; returns the line that requires it with its hash."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: absent\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},sha256={_digest(text)},{len(text)}" for file, text in files.items()]
    with zipfile.ZipFile(path, "w") as opened:
        for file, text in (files | {f"{info}/RECORD": "\n".join([*record, f"{info}/RECORD,,", ""])}).items():
            opened.writestr(file, text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


class Place:
    """A folder in place of the virtual environment, and the target of pip's installations."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = folder / "site"
        self.requirements = folder / "requirements-toy.txt"
        self.requirements.write_text(wheel(folder, "yardmaster_toy"))

    def installer(self) -> Installer:
        options = ("--no-deps", "--require-hashes", "--no-index", "--find-links", str(self.folder))
        file = RequirementFile(self.requirements, (*options, "--target", str(self.site)))
        return Installer({NAME: Source((file,), 1)}, self.folder)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setitem(EXTRAS, NAME, Extra(NAME, ("yardmaster_toy",)))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield Place(tmp_path)
    sys.modules.pop("yardmaster_toy", None)


TOY = Extra(NAME, ("yardmaster_toy",))


def test_a_missing_extra_is_installed_and_can_be_imported(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    installer = place.installer()
    assert installer.state(TOY) == ExtraState("missing")
    assert installer.install_missing()
    assert installer.state(TOY) == ExtraState("ready")
    assert __import__("yardmaster_toy")
    out, err = capsys.readouterr()
    assert out == ""
    begun, ended = err.splitlines()
    assert begun == "extra        toy: installing optional packages, 1 MB"
    assert ended.startswith("extra        toy: installed in ")


def test_the_second_start_installs_nothing_and_says_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.installer().install_missing()
    log = place.folder / "extra-toy.log"
    log.unlink()
    capsys.readouterr()
    assert place.installer().install_missing()
    assert capsys.readouterr() == ("", "")
    assert not log.exists()


def test_other_requirements_are_installed_again(place: Place) -> None:
    place.installer().install_missing()
    place.requirements.write_text("# another word\n" + place.requirements.read_text())
    assert place.installer().state(TOY) == ExtraState("missing")
    assert place.installer().install_missing()
    assert place.installer().state(TOY) == ExtraState("ready")


def test_a_package_that_was_removed_by_hand_is_installed_again(place: Place) -> None:
    place.installer().install_missing()
    (place.site / "yardmaster_toy.py").unlink()
    assert place.installer().state(TOY) == ExtraState("missing")


def test_a_package_with_another_hash_is_refused(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    wheel(place.folder, "yardmaster_toy", "EVIL = True\n")
    installer = place.installer()
    assert not installer.install_missing()
    state = installer.state(TOY)
    assert state.phase == "failed" and state.reason
    assert not place.site.exists()
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert complaint.startswith(f"extra        toy: not installed: {state.reason}")
    assert "TOY=off leaves it out" in complaint
    assert str(place.folder / "extra-toy.log") in complaint


def test_a_failure_says_why_and_the_next_start_tries_again(place: Place) -> None:
    good = place.requirements.read_text()
    place.requirements.write_text("yardmaster_nowhere==1.0 --hash=sha256:" + 64 * "0" + "\n")
    installer = place.installer()
    assert not installer.install_missing()
    assert installer.state(TOY) == ExtraState("failed", "No matching distribution found for yardmaster_nowhere==1.0")
    place.requirements.write_text(good)
    assert place.installer().install_missing()


def test_packages_without_the_expected_modules_are_a_failure(place: Place) -> None:
    place.requirements.write_text(wheel(place.folder, "yardmaster_other"))
    installer = place.installer()
    assert not installer.install_missing()
    assert "yardmaster_toy cannot be found" in installer.state(TOY).reason
    assert not (place.folder / ".extra-toy").exists()


def test_what_is_switched_off_is_not_installed(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOY", "off")
    installer = place.installer()
    assert installer.install_missing()
    assert installer.state(TOY) == ExtraState("off")
    assert capsys.readouterr() == ("", "")
    assert not place.site.exists()


def test_what_is_installed_is_ready_though_it_is_switched_off(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.installer().install_missing()
    monkeypatch.setenv("TOY", "off")
    assert place.installer().state(TOY) == ExtraState("ready")


def test_a_variable_that_is_neither_on_nor_off_is_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY", "yes")
    with pytest.raises(CannotRun, match="TOY must be on or off, not 'yes'"):
        place.installer()


def test_a_stack_that_ended_installs_nothing(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    installer = place.installer()
    installer.stop()
    assert not installer.install_missing()
    assert installer.state(TOY) == ExtraState("failed", "the stack ended")
    assert len(capsys.readouterr().err.splitlines()) == 1, "no complaint at the end"
    assert not place.site.exists()


def test_an_extra_is_being_installed_from_the_start_of_the_installer(place: Place) -> None:
    states: list[str] = []
    finished = Event()

    class Watched(Installer):
        def _install(self, extra: Extra) -> bool:
            states.append(self.state(extra).phase)
            finished.set()
            return True

    Watched({NAME: Source((RequirementFile(place.requirements),), 1)}, place.folder).start()
    assert finished.wait(30)
    assert states == ["installing"]


def test_every_extra_has_a_source_with_pins() -> None:
    assert list(SOURCES) == list(EXTRAS)
    for source in SOURCES.values():
        for file in source.files:
            required = [line for line in file.path.read_text().splitlines() if line[:1].isalpha()]
            assert required and all("==" in line for line in required), file.path
    assert CONSTRAINTS.is_file()


def test_a_process_that_installs_nothing_asks_for_the_modules_alone() -> None:
    assert extras.get_state("model").phase in ("ready", "missing")

"""The archive contains our code with bytecode, and an invalid archive is refused."""

import importlib.util
import zipfile
from pathlib import Path

import pytest

from infra import archive
from infra.archive import InvalidArchive


@pytest.fixture
def source(tmp_path: Path) -> Path:
    library = tmp_path / "source" / "chalicelib" / "edge"
    library.mkdir(parents=True)
    (library / "kernel.py").write_text("ANSWER = 42\n")
    (library / "page.css").write_text("body {}\n")
    return tmp_path / "source"


@pytest.fixture
def package(tmp_path: Path, source: Path) -> Path:
    path = tmp_path / "deployment.zip"
    with zipfile.ZipFile(path, "w") as opened:
        opened.writestr("app.py", "import chalicelib\n")
        for file in (source / "chalicelib").rglob("*.*"):
            opened.write(file, file.relative_to(source))
    return path


def add(path: Path, name: str, text: str = "") -> None:
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(name, text)


def test_bytecode_runs_and_is_never_checked(tmp_path: Path, package: Path) -> None:
    archive.prepare(package, tmp_path / "cache")
    with zipfile.ZipFile(package) as opened:
        bytecode = opened.read(f"chalicelib/edge/__pycache__/kernel.{importlib.util.sys.implementation.cache_tag}.pyc")
    assert bytecode[:4] == importlib.util.MAGIC_NUMBER
    assert int.from_bytes(bytecode[4:8], "little") == 0b01


def test_bytecode_names_no_path_of_this_machine(tmp_path: Path, package: Path) -> None:
    archive.prepare(package, tmp_path / "cache")
    with zipfile.ZipFile(package) as opened:
        assert all(b"/tmp" not in opened.read(name) for name in opened.namelist() if name.endswith(".pyc"))


def test_libraries_that_nothing_uses_are_taken_out(tmp_path: Path, package: Path) -> None:
    for name in ("requests/api.py", "requests-2.0.dist-info/METADATA", "urllib3/request.py"):
        add(package, name)
    archive.prepare(package, tmp_path / "cache")
    with zipfile.ZipFile(package) as opened:
        libraries = {name.split("/")[0] for name in opened.namelist()}
    assert libraries >= {"urllib3", "chalicelib"}
    assert not [name for name in libraries if name.startswith("requests")]


def test_the_same_archive_is_compiled_once(tmp_path: Path, package: Path) -> None:
    before = package.read_bytes()
    archive.prepare(package, tmp_path / "cache")
    [kept] = (tmp_path / "cache").iterdir()
    written = kept.stat().st_mtime_ns
    package.write_bytes(before)
    archive.prepare(package, tmp_path / "cache")
    assert kept.stat().st_mtime_ns == written
    assert package.read_bytes() == kept.read_bytes()


def test_a_changed_archive_replaces_the_cached_one(tmp_path: Path, package: Path) -> None:
    archive.prepare(package, tmp_path / "cache")
    add(package, "more.py", "MORE = 1\n")
    archive.prepare(package, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_a_sound_archive_passes(tmp_path: Path, package: Path, source: Path) -> None:
    archive.prepare(package, tmp_path / "cache")
    assert "unpacked" in archive.inspect(package, source)


def test_an_archive_without_an_asset_is_refused(package: Path, source: Path) -> None:
    (source / "chalicelib" / "edge" / "more.css").write_text("a {}\n")
    with pytest.raises(InvalidArchive, match=r"more\.css"):
        archive.inspect(package, source)


def test_an_archive_with_tests_is_refused(package: Path, source: Path) -> None:
    add(package, "tests/test_x.py")
    with pytest.raises(InvalidArchive, match="tests/test_x"):
        archive.inspect(package, source)


def test_an_archive_that_is_too_large_is_refused(package: Path, source: Path) -> None:
    with pytest.raises(InvalidArchive, match="more than 10"):
        archive.inspect(package, source, 10)


def test_an_archive_without_a_package_is_refused() -> None:
    archive.require_complete("studio", "Creating deployment package.")
    with pytest.raises(InvalidArchive, match="studio lacks packages"):
        archive.require_complete("studio", "Could not install dependencies:\ngoogle-re2==1.1\n")

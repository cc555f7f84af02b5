"""The deployment archive: remove unused libraries, add bytecode, and check the content."""

import compileall
import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

SIZE_LIMIT = 100 * 1024 * 1024
"""The largest unpacked size in bytes. Lambda accepts 250 MB, but each megabyte costs time at a cold start."""
SIZE_LIMIT_WITH_EXTRAS = 150 * 1024 * 1024
"""The same for a bundle with extras, whose packages are imported when they are used."""

UNUSED = ("requests", "certifi", "charset_normalizer", "idna")
"""Libraries that only vaderSentiment's demo imports, and certificates that botocore would use instead of its own."""


class InvalidArchive(Exception):
    """The archive must not be deployed. The message says why."""


def prepare(archive: Path, cache: Path) -> None:
    """Remove UNUSED and add bytecode, or copy the result of an earlier run on the same archive from `cache`.

    Lambda cannot write beside the code, so without bytecode every cold start compiles every module again. It is
    marked as unchecked: Python does not compare it with the source. Another version of Python ignores it.
    """
    compiled = cache / f"{hashlib.sha256(repr(UNUSED).encode() + archive.read_bytes()).hexdigest()}.zip"
    if not compiled.exists():
        shutil.rmtree(cache, ignore_errors=True)
        cache.mkdir(parents=True)
        _compile(archive, compiled)
    shutil.copyfile(compiled, archive)


def _compile(archive: Path, compiled: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
        for unused in (path for name in UNUSED for path in Path(folder).glob(f"{name}*")):
            shutil.rmtree(unused)
        compileall.compile_dir(
            folder, quiet=2, workers=0, stripdir=folder, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )
        shutil.make_archive(str(compiled.with_suffix("")), "zip", folder)


def require_complete(bundle: str, output: str) -> None:
    """Raise InvalidArchive if Chalice said in its output that a package has no build for Lambda: it only warns."""
    if "Could not install dependencies" in output:
        raise InvalidArchive(f"The archive of {bundle} lacks packages that have no build for Lambda; see above")


def inspect(archive: Path, source: Path, size_limit: int = SIZE_LIMIT) -> str:
    """Return one line with the archive's size. Raises InvalidArchive if it is too large or differs from `source`."""
    with zipfile.ZipFile(archive) as opened:
        size = sum(entry.file_size for entry in opened.infolist())
        packed = {name for name in opened.namelist() if not name.endswith(("/", ".pyc"))}
    source_files = {str(path.relative_to(source)) for path in (source / "chalicelib").rglob("*") if path.is_file()}
    package_files = {name for name in packed if name.startswith("chalicelib/")}
    if package_files != source_files or "app.py" not in packed:
        raise InvalidArchive(f"{archive} differs from the source in {sorted(package_files ^ source_files)}")
    if unwanted := sorted(name for name in packed if name.startswith(("tests/", "infra/", "bench/"))):
        raise InvalidArchive(f"{archive} holds {unwanted}")
    if size > size_limit:
        raise InvalidArchive(f"{archive} takes {size} bytes unpacked, more than {size_limit}")
    return f"{archive}: {archive.stat().st_size / 1024**2:.0f} MB packed, {size / 1024**2:.0f} MB unpacked"

"""The deployment archive: unused libraries taken out, bytecode put in, and a look at what is there."""

import compileall
import hashlib
import shutil
import tempfile
import zipfile
from pathlib import Path
from py_compile import PycInvalidationMode

SIZE_LIMIT = 100 * 1024 * 1024
"""Bytes that an archive may take unpacked. Lambda takes 250 MB, and every one of them costs time at a cold start."""

UNUSED = ("requests", "certifi", "charset_normalizer", "idna")
"""Libraries that only vaderSentiment's demo imports, and certificates that botocore would prefer to its own."""


class Unfit(Exception):
    """The archive must not be deployed; the message says why."""


def prepare(archive: Path, cache: Path) -> None:
    """Take out UNUSED and add bytecode, or put the archive from `cache` in its place that was made of the same one.

    Lambda cannot write beside the code, so that without it every cold start compiles every module anew. It is marked
    as never to be checked against the source; a Python of another version ignores it.
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


def inspect(archive: Path, source: Path) -> str:
    """One line on the archive's size. Raises Unfit where it is too large or does not hold exactly `source`'s code."""
    with zipfile.ZipFile(archive) as opened:
        size = sum(entry.file_size for entry in opened.infolist())
        packed = {name for name in opened.namelist() if not name.endswith(("/", ".pyc"))}
    wanted = {str(path.relative_to(source)) for path in (source / "chalicelib").rglob("*") if path.is_file()}
    ours = {name for name in packed if name.startswith("chalicelib/")}
    if ours != wanted or "app.py" not in packed:
        raise Unfit(f"{archive} differs from the source in {sorted(ours ^ wanted)}")
    if strangers := sorted(name for name in packed if name.startswith(("tests/", "infra/", "bench/"))):
        raise Unfit(f"{archive} holds {strangers}")
    if size > SIZE_LIMIT:
        raise Unfit(f"{archive} takes {size} bytes unpacked, more than {SIZE_LIMIT}")
    return f"{archive}: {archive.stat().st_size / 1024**2:.0f} MB packed, {size / 1024**2:.0f} MB unpacked"

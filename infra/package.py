"""The deployable package: `python -m infra.package build` fills build/package.

build/source/              a clean copy of what Chalice packages, and its cache of built dependencies
build/package/template.json           the parent, for `aws cloudformation package`
build/package/storage/template.json
build/package/<bundle>/sam.json       and its deployment.zip
"""

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

from chalicelib.edge import Api, Dialect
from infra import archive, gateway
from infra.bundles import BUNDLES
from infra.functions import Bundle
from infra.merge import merge_template
from infra.names import Template
from infra.parent import parent_template
from infra.resources import storage_template

ROOT = Path(__file__).parent.parent
REGION = "us-east-1"
"""Chalice needs a region; nothing in the templates depends on it."""
_JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", ".DS_Store")


def package(build: Path) -> None:
    """Fill `build`/package. Needs no credentials; the first run downloads libraries, a repeated one takes seconds."""
    out = build / "package"
    _write(out / "storage" / "template.json", storage_template())
    _write(out / "template.json", parent_template())
    source = stage_sources(build / "source")
    for bundle in BUNDLES:
        package_bundle(bundle, source, out / bundle.name)
        deployment = out / bundle.name / "deployment.zip"
        archive.prepare(deployment, source / ".chalice" / "compiled")
        print(archive.inspect(deployment, source))


def _write(path: Path, template: Template) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(template, indent=2) + "\n")


def stage_sources(source: Path) -> Path:
    """Copy the sources to package, without compiled files: with them Chalice's cache would never be valid."""
    shutil.rmtree(source / "chalicelib", ignore_errors=True)
    shutil.copytree(ROOT / "chalicelib", source / "chalicelib", ignore=_JUNK)
    (source / ".chalice").mkdir(exist_ok=True)
    for path in [ROOT / "app.py", *(ROOT / ".chalice").glob("*.json")]:
        shutil.copy2(path, source / path.relative_to(ROOT))
    (source / "requirements.txt").write_text(_requirements((ROOT / "requirements.txt").read_text()))
    return source


def _requirements(text: str) -> str:
    """The runtime's libraries without Chalice, which packs its own runtime; its command line would add 17 MB."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("chalice=="))


def package_bundle(bundle: Bundle, source: Path, out: Path) -> None:
    """Write Chalice's template of the bundle, merged with ours, and its archive from `source` into `out`."""
    merge = source / f"merge-{bundle.name}.json"
    _write(merge, merge_template(bundle, dialect(bundle) if bundle.http else None))
    _chalice(bundle, source, out, merge)
    if bundle.http:
        template = json.loads((out / "sam.json").read_text())
        gateway.open_methods(template)
        _write(out / "sam.json", template)


def dialect(bundle: Bundle) -> Dialect:
    """The error format of the bundle's API."""
    api: Api = import_module(f"chalicelib.apis.{bundle.name}").api
    return api.dialect


def _chalice(bundle: Bundle, source: Path, out: Path, merge: Path) -> None:
    environment = os.environ | {
        "AWS_DEFAULT_REGION": REGION,
        "BUNDLE": bundle.name,
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    chalice = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(source)]
    options = ["--stage", bundle.name, "--merge-template", str(merge.resolve()), "--template-format", "json"]
    subprocess.run([*chalice, "package", *options, str(out.resolve())], env=environment, check=True)


if __name__ == "__main__":
    package(Path(sys.argv[1]))

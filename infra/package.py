"""The deployable package: `python -m infra.package build` fills build/package.

build/source/              a clean copy of what Chalice packages, and its cache of built dependencies
build/package/template.json           the parent, for `aws cloudformation package`
build/package/storage/template.json
build/package/<bundle>/sam.json       and its deployment.zip
build/package/<bundle>/image.json     the same with a container image, where the bundle can be one
build/package/<bundle>/image/         what `docker build` makes that image from

`--image BUNDLE=URI` has the parent nest image.json, with the image of this URI.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from chalicelib.edge import Api, Dialect, binary_types
from infra import archive, gateway, image
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


def package(build: Path, images: Mapping[str, str]) -> None:
    """Fill `build`/package. Needs no credentials; the first run downloads libraries, a repeated one takes seconds.

    `images` has the URIs of the container images that are deployed, by bundle.
    """
    out = build / "package"
    _write(out / "storage" / "template.json", storage_template())
    _write(out / "template.json", parent_template(images))
    source = stage_sources(build / "source")
    for bundle in BUNDLES:
        package_bundle(bundle, source, out / bundle.name)
        deployment = out / bundle.name / "deployment.zip"
        archive.prepare(deployment, source / ".chalice" / "compiled")
        limit = archive.SIZE_LIMIT_WITH_EXTRAS if bundle.extras else archive.SIZE_LIMIT
        print(archive.inspect(deployment, source, limit))
        if bundle.has_image:
            package_image(bundle, source, out / bundle.name)


def package_image(bundle: Bundle, source: Path, out: Path) -> None:
    """Write the bundle's template as an image, and what the image is built from, beside those of its archive."""
    sam = json.loads((out / "sam.json").read_text())
    _write(out / "image.json", image.image_template(bundle, sam))
    image.stage_context(source, out / "image")


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
    return source


def requirements(bundle: Bundle) -> str:
    """The libraries of the runtime and of the bundle's extras, without Chalice, which packs a runtime of its own: its
    command line would add 17 MB."""
    files = ("requirements.txt", *(f"requirements-{extra}.txt" for extra in bundle.extras))
    lines = (line for file in files for line in (ROOT / file).read_text().splitlines(keepends=True))
    return "".join(line for line in lines if not line.startswith("chalice=="))


def package_bundle(bundle: Bundle, source: Path, out: Path) -> None:
    """Write Chalice's template of the bundle, merged with ours, and its archive from `source` into `out`."""
    (source / "requirements.txt").write_text(requirements(bundle))
    merge = source / f"merge-{bundle.name}.json"
    api = api_of(bundle) if bundle.http else None
    _write(merge, merge_template(bundle, api.dialect if api else None))
    _chalice(bundle, source, out, merge)
    if api is not None:
        template = json.loads((out / "sam.json").read_text())
        gateway.open_methods(template)
        gateway.pass_bytes(template, binary_types(api))
        _write(out / "sam.json", template)


def api_of(bundle: Bundle) -> Api:
    """The API that the bundle serves."""
    api: Api = import_module(f"chalicelib.apis.{bundle.name}").api
    return api


def dialect(bundle: Bundle) -> Dialect:
    """The error format of the bundle's API."""
    return api_of(bundle).dialect


def _chalice(bundle: Bundle, source: Path, out: Path, merge: Path) -> None:
    environment = os.environ | {
        "AWS_DEFAULT_REGION": REGION,
        "BUNDLE": bundle.name,
        "PIP_CONSTRAINT": str(ROOT / "constraints.txt"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    chalice = [str(Path(sys.executable).with_name("chalice")), "--project-dir", str(source)]
    options = ["--stage", bundle.name, "--merge-template", str(merge.resolve()), "--template-format", "json"]
    command = [*chalice, "package", *options, str(out.resolve())]
    run = subprocess.run(command, env=environment, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = run.stdout.decode()
    print(output, end="")
    run.check_returncode()
    archive.require_complete(bundle.name, output)


def _arguments(words: Sequence[str]) -> tuple[Path, dict[str, str]]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    parser.add_argument("--image", action="append", default=[], metavar="BUNDLE=URI")
    options = parser.parse_args(words)
    images = dict(text.split("=", 1) for text in options.image)
    unknown = images.keys() - {bundle.name for bundle in BUNDLES if bundle.has_image}
    if unknown:
        parser.error(f"no image can be deployed of: {', '.join(sorted(unknown))}")
    return options.build, images


if __name__ == "__main__":
    package(*_arguments(sys.argv[1:]))

"""Bundles that are really packaged, but without libraries: Chalice finds an empty archive in its cache."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.packager import LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.bundles import BUNDLES
from infra.package import package_bundle, requirements, stage_sources


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Bundle name -> the template that would be deployed."""
    build = tmp_path_factory.mktemp("build")
    source = stage_sources(build / "source")
    packager = LambdaDeploymentPackager(OSUtils(), None, UI())
    for bundle in BUNDLES:
        (source / "requirements.txt").write_text(requirements(bundle))
        archive = Path(packager.deployment_package_filename(str(source), "python3.11"))
        archive.parent.mkdir(exist_ok=True)
        zipfile.ZipFile(archive, "w").close()
        package_bundle(bundle, source, build / bundle.name)
    return {bundle.name: json.loads((build / bundle.name / "sam.json").read_text()) for bundle in BUNDLES}

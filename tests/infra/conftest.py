"""Bundles packaged for real but for the libraries: an empty archive stands in the cache, where Chalice looks first."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from chalice.deploy.packager import LambdaDeploymentPackager
from chalice.utils import UI, OSUtils

from infra.bundles import BUNDLES
from infra.package import package_bundle, stage_sources


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Bundle name -> the template that would be deployed."""
    build = tmp_path_factory.mktemp("build")
    source = stage_sources(build / "source")
    archive = Path(
        LambdaDeploymentPackager(OSUtils(), None, UI()).deployment_package_filename(str(source), "python3.11")
    )
    archive.parent.mkdir()
    zipfile.ZipFile(archive, "w").close()
    for bundle in BUNDLES:
        package_bundle(bundle, source, build / bundle.name)
    return {bundle.name: json.loads((build / bundle.name / "sam.json").read_text()) for bundle in BUNDLES}

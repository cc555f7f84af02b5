"""The container image of a bundle: its template equals the archive's, and its build context is complete."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint

from infra import image
from infra.bundles import BUNDLES, RECOGNITION
from infra.package import stage_sources
from infra.parent import parent_template

Templates = dict[str, dict[str, Any]]
URI = "123456789012.dkr.ecr.us-east-1.amazonaws.com/yardmaster-recognition:1"
FUNCTIONS = {"APIHandler": "api_handler", "Recognize": "recognize"}


@pytest.fixture(scope="module")
def archive(packaged: Templates) -> dict[str, Any]:
    return packaged["recognition"]


@pytest.fixture(scope="module")
def image_template(archive: dict[str, Any]) -> dict[str, Any]:
    return image.image_template(RECOGNITION, archive)


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    build = tmp_path_factory.mktemp("build")
    image.stage_context(stage_sources(build / "source"), build / "image")
    return build / "image"


def properties(template: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(template["Resources"][name]["Properties"])


def test_the_templates_lint_without_findings(image_template: dict[str, Any]) -> None:
    for template in (image_template, parent_template({"recognition": URI})):
        assert [str(match) for match in lint(json.dumps(template))] == []


def test_only_one_bundle_is_an_image() -> None:
    assert [bundle.name for bundle in BUNDLES if bundle.has_image] == ["recognition"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_is_the_archives_but_for_its_package(
    archive: dict[str, Any], image_template: dict[str, Any], name: str
) -> None:
    function, sam = properties(image_template, name), properties(archive, name)
    assert function["PackageType"] == "Image"
    assert function["Code"] == {"ImageUri": {"Ref": "Image"}}
    assert function["ImageConfig"] == {"Command": [sam["Handler"]]}
    assert function["TracingConfig"] == {"Mode": sam["Tracing"]}
    for key in ("Timeout", "MemorySize", "Architectures", "Role"):
        assert function[key] == sam[key]
    variables = archive["Globals"]["Function"]["Environment"]["Variables"]
    assert function["Environment"]["Variables"] == variables | {"BUNDLE": "recognition"}


@pytest.mark.parametrize("name", FUNCTIONS.values())
def test_its_names_differ_from_the_archives_wherever_they_stand(
    archive: dict[str, Any], image_template: dict[str, Any], name: str
) -> None:
    old = f"${{Prefix}}-recognition-{name}"
    assert json.dumps(archive).count(old) == json.dumps(image_template).count(f"{old}-image") > 1
    assert not re.search(re.escape(old) + "(?!-image)", json.dumps(image_template))
    assert f"-recognition-{name}-image" in json.dumps(parent_template({"recognition": URI}))


def test_its_queue_starts_it_as_it_starts_the_archives(archive: dict[str, Any], image_template: dict[str, Any]) -> None:
    [mapping] = [
        one for one in image_template["Resources"].values() if one["Type"] == "AWS::Lambda::EventSourceMapping"
    ]
    [event] = properties(archive, "Recognize")["Events"].values()
    queue = event["Properties"]
    assert mapping["Properties"] == {
        "EventSourceArn": queue["Queue"],
        "FunctionName": {"Ref": "Recognize"},
        **{name: value for name, value in queue.items() if name != "Queue"},
    }


def test_all_else_is_the_archives(archive: dict[str, Any], image_template: dict[str, Any]) -> None:
    kept = archive["Resources"].keys() - {*FUNCTIONS}
    renamed = image.rename_functions(RECOGNITION, archive)
    assert {name: image_template["Resources"][name] for name in kept} == {
        name: renamed["Resources"][name] for name in kept
    }
    assert image_template["Parameters"].keys() == {*archive["Parameters"], "Image"}


def test_the_parent_nests_it_where_an_image_is_named_and_else_the_archive() -> None:
    for images, file in (({}, "sam.json"), ({"recognition": URI}, "image.json")):
        stack = parent_template(images)["Resources"]["RecognitionBundle"]["Properties"]
        assert stack["TemplateURL"] == f"./recognition/{file}"
        assert stack["Parameters"].get("Image") == images.get("recognition")


def test_everything_that_is_copied_is_in_the_context(context: Path) -> None:
    copied = re.findall(r"^COPY (.+) \S+$", (context / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    assert names | {"Dockerfile"} == {path.name for path in context.iterdir()}
    assert not [path for path in context.rglob("*") if path.name == "__pycache__"]


def test_the_commands_are_handlers_of_the_app(context: Path, image_template: dict[str, Any]) -> None:
    commands = [properties(image_template, name)["ImageConfig"]["Command"] for name in FUNCTIONS]
    assert commands == [["app.app"], ["app.recognize"]]
    assert "def recognize(" in (context / "app.py").read_text()


def test_no_archive_has_a_model(context: Path) -> None:
    models = list(context.rglob("*.onnx"))
    assert models and all(path.is_relative_to(context / "models") for path in models)

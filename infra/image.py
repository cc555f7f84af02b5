"""The container image of a bundle whose libraries are too large for an archive: its template, and what Docker builds.

The template is made from the archive's. It has plain Lambda functions, because `aws cloudformation package` would add
an archive to those of SAM. Functions have other names than the archive's: CloudFormation replaces a function whose
package type changes, and cannot do so under one name.
"""

import json
import shutil
from pathlib import Path

from infra.functions import Bundle
from infra.names import Template

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "infra" / "recognition"
"""The Dockerfile, and the models that the image has."""
REQUIREMENTS = (
    "requirements.txt",
    "requirements-recognition.txt",
    "requirements-recognition-bundled.txt",
    "constraints.txt",
)
PARAMETER = "Image"
_JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", ".DS_Store")


def rename_functions(bundle: Bundle, template: Template) -> Template:
    """The template with the names that the bundle's functions have as an image."""
    text = json.dumps(template)
    for function in bundle.functions:
        name = f"${{Prefix}}-{bundle.name}-{function.name}"
        text = text.replace(name, f"{name}-image")
    return dict(json.loads(text))


def image_template(bundle: Bundle, archive: Template) -> Template:
    """The bundle's template as an image, from its template as an archive. Its parameter Image is the image's URI."""
    template = rename_functions(bundle, archive)
    variables = template.pop("Globals")["Function"]["Environment"]["Variables"]
    resources = template["Resources"]
    for name in [name for name, resource in resources.items() if resource["Type"] == "AWS::Serverless::Function"]:
        properties = resources[name]["Properties"]
        resources[name] = _function(properties, variables)
        resources |= _event_sources(name, properties.get("Events", {}))
    template["Parameters"][PARAMETER] = {"Type": "String", "Description": "URI of the container image, with its tag"}
    return template


def _function(sam: Template, variables: Template) -> Template:
    kept = ("FunctionName", "Timeout", "MemorySize", "Architectures", "Role")
    properties = {name: sam[name] for name in kept} | {
        "PackageType": "Image",
        "Code": {"ImageUri": {"Ref": PARAMETER}},
        "ImageConfig": {"Command": [sam["Handler"]]},
        "Environment": {"Variables": variables | sam["Environment"]["Variables"]},
        "TracingConfig": {"Mode": sam["Tracing"]},
        "Tags": [{"Key": key, "Value": value} for key, value in sam["Tags"].items()],
    }
    return {"Type": "AWS::Lambda::Function", "Properties": properties}


def _event_sources(function: str, events: Template) -> Template:
    """The mappings of the queues that start a function."""
    mappings: Template = {}
    for name, event in events.items():
        properties = {key: value for key, value in event["Properties"].items() if key != "Queue"}
        properties |= {"EventSourceArn": event["Properties"]["Queue"], "FunctionName": {"Ref": function}}
        mappings[name] = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}
    return mappings


def stage_context(source: Path, context: Path) -> None:
    """Fill the folder that Docker builds the image from; `source` has the sources to package."""
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(source / "chalicelib", context / "chalicelib", ignore=_JUNK)
    shutil.copytree(RECIPE / "models", context / "models", ignore=_JUNK)
    for path in [source / "app.py", RECIPE / "Dockerfile", *(ROOT / name for name in REQUIREMENTS)]:
        shutil.copy2(path, context / path.name)

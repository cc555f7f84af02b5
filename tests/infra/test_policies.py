"""The policy files equal the declared policies, and each grants exactly what its function needs."""

import json
import re
from typing import Any

import pytest

from chalicelib import storage
from infra.bundles import BUNDLES, LIVE
from infra.functions import Bundle, Function, Stream
from infra.names import stream_parameter
from infra.policies import FOLDER, document, documents
from infra.tables import setting

ALL = [
    pytest.param(bundle, function, id=f"{bundle.name}.{function.name}")
    for bundle in BUNDLES
    for function in bundle.functions
]


def statements(bundle: Bundle, function: Function) -> list[dict[str, Any]]:
    return document(bundle, function)["Statement"]


def resources(statement: dict[str, Any]) -> list[str]:
    return [one if isinstance(one, str) else one.get("Fn::Sub", "") for one in statement["Resource"]]


def test_the_files_are_current() -> None:
    """If this fails: make stages."""
    assert {path.name: path.read_text() for path in FOLDER.glob("policy-*.json")} == documents()


@pytest.mark.parametrize(("bundle", "function"), ALL)
def test_everything_is_allowed_by_name(bundle: Bundle, function: Function) -> None:
    for statement in statements(bundle, function):
        assert statement["Effect"] == "Allow"
        assert not [action for action in statement["Action"] if "*" in action]


@pytest.mark.parametrize(("bundle", "function"), ALL)
def test_only_what_aws_cannot_name_is_a_wildcard(bundle: Bundle, function: Function) -> None:
    for statement in statements(bundle, function):
        for resource in resources(statement):
            if "*" not in resource:
                continue
            match statement["Action"]:
                case ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]:
                    assert resource == "*"
                case ["rekognition:DetectLabels", "rekognition:DetectText"]:
                    assert resource == "*"
                case ["logs:CreateLogStream", "logs:PutLogEvents"]:
                    assert resource.endswith(f"/aws/lambda/${{Prefix}}-{bundle.name}-{function.name}:*")
                case ["dynamodb:ListStreams"]:
                    assert re.fullmatch(r".*:table/\$\{\w+Table\}/stream/\*", resource)
                case ["kms:Decrypt"]:
                    [(comparison, pinned)] = statement["Condition"].items()
                    is_below = any(path in json.dumps(pinned) for path in ("/messengers/*", "/models*"))
                    assert (comparison == "StringLike") == is_below
                    assert pinned.keys() == {"kms:ViaService", "kms:EncryptionContext:PARAMETER_ARN"}
                case ["ssm:GetParameter"]:
                    assert re.search(r":parameter\$\{SecretsParameter\}/(messengers/\*|models\*)$", resource)
                case [*actions] if {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}.issuperset(actions):
                    assert resource.endswith(":s3:::${PayloadBucket}/*")
                case ["execute-api:ManageConnections"]:
                    api = "WebsocketAPI" if bundle is LIVE else "SocketsApi"
                    assert re.fullmatch(rf".*:\$\{{{api}\}}/prod/(POST|DELETE)/@connections/\*", resource)
                case ["bedrock:InvokeModelWithResponseStream"]:
                    assert re.search(
                        r":bedrock:\*:(:foundation-model|\$\{AWS::AccountId\}:inference-profile)/\*$", resource
                    )
                case other:
                    pytest.fail(f"{function.name}: {other} on {resource}")


@pytest.mark.parametrize(("bundle", "function"), ALL)
def test_granted_indexes_exist(bundle: Bundle, function: Function) -> None:
    indexes_by_setting = {
        setting(model): {index.Meta.index_name for index in model._indexes.values()} for model in storage.models()
    }
    for grant in function.grants:
        if grant.on.endswith("_table"):
            assert set(grant.parts) <= indexes_by_setting[grant.on]


@pytest.mark.parametrize(("bundle", "function"), [one for one in ALL if isinstance(one.values[1].trigger, Stream)])
def test_a_relay_may_read_its_stream_and_park(bundle: Bundle, function: Function) -> None:
    allowed = {action: json.dumps(one["Resource"]) for one in statements(bundle, function) for action in one["Action"]}
    assert stream_parameter(function.trigger.table) in allowed["dynamodb:GetRecords"]
    parking = [one for one in statements(bundle, function) if "sqs:SendMessage" in one["Action"]]
    assert any("${ParkedQueue}" in resource for one in parking for resource in resources(one))


def test_no_function_sends_to_the_queue_that_starts_it() -> None:
    """Lambda stops such loops after about sixteen rounds."""
    for bundle in BUNDLES:
        for function in bundle.functions:
            started_by = getattr(function.trigger, "queue", None)
            sends_to = {grant.on for grant in function.grants if "sqs:SendMessage" in grant.actions}
            assert started_by not in sends_to

"""The storage template agrees with the models, passes the linter, and can be deployed on moto."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from cfnlint.api import lint
from moto import mock_aws

from chalicelib import storage
from chalicelib.config import Settings
from infra.bundles import BUNDLES
from infra.functions import Queue, Stream
from infra.names import STORED, default, parameter, stream_parameter
from infra.resources import MAX_RECEIVES, storage_template
from infra.tables import setting

TEMPLATE = storage_template()
RESOURCES = TEMPLATE["Resources"]


def properties(name: str) -> dict[str, Any]:
    return RESOURCES[name]["Properties"]


@pytest.fixture
def stack_outputs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """The outputs of the template, deployed with another prefix."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        stacks = boto3.client("cloudformation")
        prefix = {"ParameterKey": "Prefix", "ParameterValue": "second"}
        stacks.create_stack(StackName="storage", TemplateBody=json.dumps(TEMPLATE), Parameters=[prefix])
        stack = stacks.describe_stacks(StackName="storage")["Stacks"][0]
        yield {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def test_the_template_lints_without_findings() -> None:
    assert [str(match) for match in lint(json.dumps(TEMPLATE))] == []


def test_every_stored_setting_has_its_resource_and_output() -> None:
    names = {parameter(name) for name in STORED}
    assert names <= RESOURCES.keys()
    assert names <= TEMPLATE["Outputs"].keys()


@pytest.mark.parametrize("model", storage.models(), ids=setting)
def test_a_table_is_keyed_and_indexed_as_its_model(model: Any) -> None:
    table = properties(parameter(setting(model)))
    keys = {key["KeyType"]: key["AttributeName"] for key in table["KeySchema"]}
    assert keys["HASH"] == model._hash_key_attribute().attr_name
    ranged = model._range_key_attribute()
    assert keys.get("RANGE") == (ranged.attr_name if ranged is not None else None)
    projections = {
        index["IndexName"]: index["Projection"]["ProjectionType"] for index in table.get("GlobalSecondaryIndexes", [])
    }
    declared = {index.Meta.index_name: index.Meta.projection.projection_type for index in model._indexes.values()}
    assert projections == declared


@pytest.mark.parametrize("model", storage.models(), ids=setting)
def test_only_key_attributes_are_defined_and_hash_comes_first(model: Any) -> None:
    table = properties(parameter(setting(model)))
    schemas = [table["KeySchema"], *(index["KeySchema"] for index in table.get("GlobalSecondaryIndexes", []))]
    used = {key["AttributeName"] for schema in schemas for key in schema}
    assert sorted(used) == sorted(definition["AttributeName"] for definition in table["AttributeDefinitions"])
    assert all(schema[0]["KeyType"] == "HASH" for schema in schemas)


@pytest.mark.parametrize("model", storage.models(), ids=setting)
def test_a_table_is_kept_encrypted_and_recoverable(model: Any) -> None:
    resource = RESOURCES[parameter(setting(model))]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    table = resource["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True, "SSEType": "KMS"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["DeletionProtectionEnabled"] is True


@pytest.mark.parametrize("model", storage.models(), ids=setting)
def test_a_table_whose_items_expire_has_ttl(model: Any) -> None:
    expires = "expires_at" in {attribute.attr_name for attribute in model.get_attributes().values()}
    table = properties(parameter(setting(model)))
    wanted = {"AttributeName": "expires_at", "Enabled": True} if expires else None
    assert table.get("TimeToLiveSpecification") == wanted


def test_streamed_tables_are_those_whose_changes_start_a_function() -> None:
    triggers = [function.trigger for bundle in BUNDLES for function in bundle.functions]
    started = {parameter(trigger.table) for trigger in triggers if isinstance(trigger, Stream)}
    streamed = {name for name, resource in RESOURCES.items() if "StreamSpecification" in resource["Properties"]}
    assert streamed == started == {"TasksTable", "WorkersTable", "DocumentsTable"}


@pytest.mark.parametrize("function", [f for b in BUNDLES for f in b.functions if isinstance(f.trigger, Queue)])
def test_a_consumed_queue_waits_long_enough_and_has_a_dead_letter_queue(function: Any) -> None:
    queue = properties(parameter(function.trigger.queue))
    assert queue["VisibilityTimeout"] == (1 if "FifoQueue" in queue else 6) * function.timeout
    grave = queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == MAX_RECEIVES == 5
    assert properties(grave)["MessageRetentionPeriod"] == 14 * 86_400
    assert properties(grave).get("FifoQueue") == queue.get("FifoQueue")


def test_the_payload_bucket_is_private_and_outlives_the_tasks() -> None:
    bucket = properties("PayloadBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    [expiry, _] = bucket["LifecycleConfiguration"]["Rules"]
    assert expiry["ExpirationInDays"] == default("retention_days") + 30
    assert expiry["Prefix"] == "expiring/"
    assert RESOURCES["PayloadBucket"]["DeletionPolicy"] == "Retain"


def test_what_a_restored_table_names_can_be_brought_back_as_long_as_the_table_can() -> None:
    bucket = properties("PayloadBucket")
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    [_, old] = bucket["LifecycleConfiguration"]["Rules"]
    assert "Prefix" not in old
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 35}
    assert old["ExpiredObjectDeleteMarker"] is True
    # Nothing that was deleted is kept for ever.
    assert all(rule["Status"] == "Enabled" for rule in bucket["LifecycleConfiguration"]["Rules"])


def test_a_table_that_is_deployed_cannot_be_deleted(stack_outputs: dict[str, str]) -> None:
    client = boto3.client("dynamodb")
    found = client.describe_table(TableName=stack_outputs["TasksTable"])["Table"]
    assert found["DeletionProtectionEnabled"] is True
    with pytest.raises(ClientError, match="DeletionProtectionEnabled"):
        client.delete_table(TableName=stack_outputs["TasksTable"])


def test_it_comes_up_under_any_prefix(stack_outputs: dict[str, str]) -> None:
    names = {name: getattr(Settings(), name) for name in STORED if name != "payload_bucket"}
    assert {name: stack_outputs[parameter(name)] for name in names} == {
        name: value.replace("yardmaster", "second", 1) for name, value in names.items()
    }
    assert stack_outputs["PayloadBucket"].startswith("second-payloads-")
    assert stack_outputs[stream_parameter("tasks_table")].startswith(stack_outputs["TasksTableArn"] + "/stream/")
    assert stack_outputs["DispatchQueueUrl"].endswith("/second-dispatch.fifo")


def test_moto_holds_the_tables_as_declared(stack_outputs: dict[str, str]) -> None:
    tables = boto3.client("dynamodb")
    for model in storage.models():
        declared = properties(parameter(setting(model)))
        found = tables.describe_table(TableName=stack_outputs[parameter(setting(model))])["Table"]
        assert found["KeySchema"] == declared["KeySchema"]
        indexes = {index["IndexName"]: index["KeySchema"] for index in found.get("GlobalSecondaryIndexes", [])}
        wanted = {index["IndexName"]: index["KeySchema"] for index in declared.get("GlobalSecondaryIndexes", [])}
        assert indexes == wanted

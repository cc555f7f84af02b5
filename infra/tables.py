"""DynamoDB tables as CloudFormation, read off the PynamoDB models: the models alone say what a table is."""

from collections.abc import Sequence
from typing import Any

from pynamodb.models import Model

from infra.names import Template, default, parameter, prefixed

RETAINED = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}


def tables(models: Sequence[type[Model]]) -> Template:
    """Logical id -> table, one for each model."""
    return {parameter(setting(model)): _table(model) for model in models}


def setting(model: type[Model]) -> str:
    """The setting that names the model's table."""
    meta: Any = model.Meta
    return str(meta.setting)


def _table(model: type[Model]) -> Template:
    schema: Any = model._get_schema()
    properties: Template = {
        "TableName": prefixed(default(setting(model))),
        "AttributeDefinitions": schema["attribute_definitions"],
        "KeySchema": _keys(schema["key_schema"]),
        "BillingMode": "PAY_PER_REQUEST",
        # Also against what goes by CloudFormation, such as a change that replaces the table.
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        **_options(model),
    }
    if schema["global_secondary_indexes"]:
        properties["GlobalSecondaryIndexes"] = [_index(index) for index in schema["global_secondary_indexes"]]
    return {"Type": "AWS::DynamoDB::Table", **RETAINED, "Properties": properties}


def _options(model: type[Model]) -> Template:
    """Stream and expiry, of the tables whose model asks for them."""
    found: Template = {}
    if getattr(model.Meta, "stream", False):
        found["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    if expiry := getattr(model.Meta, "ttl", None):
        found["TimeToLiveSpecification"] = {"AttributeName": expiry, "Enabled": True}
    return found


def _keys(keys: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """HASH before RANGE, as CloudFormation wants it."""
    return sorted(keys, key=lambda key: key["KeyType"])


def _index(index: Any) -> Template:
    return {
        "IndexName": index["index_name"],
        "KeySchema": _keys(index["key_schema"]),
        "Projection": index["projection"],
    }

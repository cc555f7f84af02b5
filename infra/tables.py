"""DynamoDB tables as CloudFormation, generated from the PynamoDB models, which define keys, indexes, stream and TTL."""

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
        # Also protects against CloudFormation itself, such as a change that would replace the table.
        "DeletionProtectionEnabled": True,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS"},
        **_options(model),
    }
    if schema["global_secondary_indexes"]:
        properties["GlobalSecondaryIndexes"] = [_index(index) for index in schema["global_secondary_indexes"]]
    return {"Type": "AWS::DynamoDB::Table", **RETAINED, "Properties": properties}


def _options(model: type[Model]) -> Template:
    """The stream and the expiry, if the model has them."""
    options: Template = {}
    if getattr(model.Meta, "stream", False):
        options["StreamSpecification"] = {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    if expiry := getattr(model.Meta, "ttl", None):
        options["TimeToLiveSpecification"] = {"AttributeName": expiry, "Enabled": True}
    return options


def _keys(keys: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """HASH before RANGE, as CloudFormation requires."""
    return sorted(keys, key=lambda key: key["KeyType"])


def _index(index: Any) -> Template:
    return {
        "IndexName": index["index_name"],
        "KeySchema": _keys(index["key_schema"]),
        "Projection": index["projection"],
    }

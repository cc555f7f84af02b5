"""IAM policies, one for each function, with exactly the access it needs. `python -m infra.policies` writes them.

Chalice copies them into the bundle's template, so they refer to its parameters.
"""

import json
from pathlib import Path
from typing import Any

from infra.bundles import BUNDLES
from infra.functions import CONSUME, LISTING, REKOGNITION, Bundle, Function, Grant, Queue, Stream
from infra.names import API_STAGE, parameter, sockets_api, stream_parameter

Statement = dict[str, Any]

FOLDER = Path(__file__).parent.parent / ".chalice"


def filename(bundle: Bundle, function: Function) -> str:
    """Name of the function's policy file within `.chalice`."""
    return f"policy-{bundle.name}-{function.name}.json"


def function_name(bundle: Bundle, function: Function) -> str:
    """The function's name in AWS, for Fn::Sub. It is fixed, so that the function's role can name its log group."""
    return f"${{Prefix}}-{bundle.name}-{function.name}"


def document(bundle: Bundle, function: Function) -> dict[str, Any]:
    """The policy of the function's role."""
    statements = [_logs(bundle, function), _traces(), *_trigger(function.trigger)]
    statements += [_allow(grant.actions, *_arns(bundle, grant)) for grant in function.grants]
    if function.secrets:
        statements += _read_secrets()
    if function.accounts:
        statements += _read_below("messengers/*")
    if function.models:
        statements += _read_below("models*")
    if function.github:
        statements += _read_parameter(_arn("ssm", "parameter${SecretsParameter}/github"), "StringEquals")
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(actions: tuple[str, ...], *resources: Any, **conditions: Any) -> Statement:
    statement: Statement = {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
    return statement | {"Condition": conditions} if conditions else statement


def _arn(service: str, resource: str) -> dict[str, str]:
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:${{AWS::Region}}:${{AWS::AccountId}}:{resource}"}


def _arns(bundle: Bundle, grant: Grant) -> list[Any]:
    if grant.on == REKOGNITION:
        return ["*"]
    if grant.on == "sockets_endpoint":
        stage = f"${{{sockets_api(bundle.sockets)}}}/{API_STAGE}"
        return [_arn("execute-api", f"{stage}/{method}/@connections/*") for method in grant.parts]
    if grant.on == "bedrock":
        # The setting MODELS names the models. An inference profile calls models of several regions.
        return [
            {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*::foundation-model/*"},
            {"Fn::Sub": "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:inference-profile/*"},
        ]
    name = f"${{{parameter(grant.on)}}}"
    if grant.parts:
        return [_arn("dynamodb", f"table/{name}/index/{index}") for index in grant.parts]
    if grant.on.endswith("_table"):
        return [_arn("dynamodb", f"table/{name}")]
    if grant.on.endswith("_queue"):
        return [_arn("sqs", name)]
    objects = "" if LISTING in grant.actions else "/*"
    return [{"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{name}{objects}"}]


def _logs(bundle: Bundle, function: Function) -> Statement:
    group = f"log-group:/aws/lambda/{function_name(bundle, function)}:*"
    return _allow(("logs:CreateLogStream", "logs:PutLogEvents"), _arn("logs", group))


def _traces() -> Statement:
    # X-Ray actions take no resource.
    return _allow(("xray:PutTraceSegments", "xray:PutTelemetryRecords"), "*")


def _trigger(trigger: object) -> list[Statement]:
    if isinstance(trigger, Queue):
        return [_allow(CONSUME, _arn("sqs", f"${{{parameter(trigger.queue)}}}"))]
    if isinstance(trigger, Stream):
        return stream_statements(trigger.table)
    return []


def stream_statements(table: str) -> list[Statement]:
    """Permission to read a table's stream. Listing is allowed on all streams of the table, because a stream is listed
    before its ARN is known."""
    read = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator")
    return [
        _allow(read, {"Ref": stream_parameter(table)}),
        _allow(("dynamodb:ListStreams",), _arn("dynamodb", f"table/${{{parameter(table)}}}/stream/*")),
    ]


def _read_secrets() -> list[Statement]:
    return _read_parameter(_arn("ssm", "parameter${SecretsParameter}"), "StringEquals")


def _read_below(pattern: str) -> list[Statement]:
    """All parameters of a pattern: orgs are added and removed without a deployment."""
    return _read_parameter(_arn("ssm", f"parameter${{SecretsParameter}}/{pattern}"), "StringLike")


def _read_parameter(secret: dict[str, str], comparison: str) -> list[Statement]:
    # Any KMS key is allowed, but only to decrypt this parameter.
    only_here = {
        "kms:ViaService": {"Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"},
        "kms:EncryptionContext:PARAMETER_ARN": secret,
    }
    return [
        _allow(("ssm:GetParameter",), secret),
        _allow(("kms:Decrypt",), _arn("kms", "key/*"), **{comparison: only_here}),
    ]


def documents() -> dict[str, str]:
    """File name -> text of every policy file."""
    return {
        filename(bundle, function): json.dumps(document(bundle, function), indent=2) + "\n"
        for bundle in BUNDLES
        for function in bundle.functions
    }


def main() -> None:
    """Write the policy files, and delete those of functions that no longer exist."""
    current = documents()
    for stale in set(FOLDER.glob("policy-*.json")) - {FOLDER / name for name in current}:
        stale.unlink()
    for name, text in current.items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()

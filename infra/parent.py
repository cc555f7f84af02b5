"""The template that is deployed. It nests the storage, every API and the engine, and has the alarms on queues.

Its resources refer only to outputs of the nested stacks.
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from infra import alarms, dashboard, firewall, image
from infra.bundles import BUNDLES, consumers
from infra.functions import Bundle
from infra.merge import (
    CMS_ORG,
    CORS_ORIGINS,
    GITHUB_CLIENT_ID,
    RESERVE_CONCURRENCY,
    SECRETS_PARAMETER,
    STAGE,
    parameters,
)
from infra.names import PREFIX_PARAMETER, Template, dead_letter_id, parameter, sockets_api, template
from infra.tables import RETAINED

_LOCAL_URL = {"cfn-lint": {"config": {"ignore_checks": ["W3002"]}}}
"""Nested templates are local paths, which `aws cloudformation package` uploads. cfn-lint would warn about them."""


def parent_template(images: Mapping[str, str] = MappingProxyType({})) -> Template:
    """The parent template, the input of `aws cloudformation package`.

    `images` has the URIs of the container images that bundles are deployed as, by bundle.
    """
    parent = _parent(images)
    for bundle in BUNDLES:
        parent = image.rename_functions(bundle, parent) if bundle.name in images else parent
    return parent


def _parent(images: Mapping[str, str]) -> Template:
    return template(
        "Yardmaster",
        Parameters={
            "Prefix": PREFIX_PARAMETER,
            "Stage": STAGE,
            "SecretsParameter": SECRETS_PARAMETER,
            "AlarmTopic": alarms.ALARM_TOPIC,
            "WaitAlarmSeconds": alarms.WAIT_ALARM,
            "ReserveConcurrency": RESERVE_CONCURRENCY,
            "CorsOrigins": CORS_ORIGINS,
            "CmsOrg": CMS_ORG,
            "GithubClientId": GITHUB_CLIENT_ID,
            "Dashboard": dashboard.PARAMETER,
            "RequestsPerAddress": firewall.PARAMETER,
        },
        Conditions=alarms.CONDITIONS | dashboard.CONDITIONS | firewall.CONDITIONS,
        Resources=_stacks(images) | _monitoring() | _firewall() | _tls_only() | _access_logs(),
        Outputs=_outputs(),
    )


def _monitoring() -> Template:
    return _queue_and_task_alarms() | dashboard.resources()


def _stacks(images: Mapping[str, str]) -> Template:
    storage = _nested("./storage/template.json", {"Prefix": {"Ref": "Prefix"}})
    return {"Storage": storage} | {_logical(bundle): _bundle(bundle, images.get(bundle.name)) for bundle in BUNDLES}


def _logical(bundle: Bundle) -> str:
    return f"{bundle.name.capitalize()}Bundle"


def _nested(url: str, values: Template, **attributes: Any) -> Template:
    properties = {"TemplateURL": url, "Parameters": values}
    return {"Type": "AWS::CloudFormation::Stack", "Metadata": _LOCAL_URL, **attributes, "Properties": properties}


def _bundle(bundle: Bundle, uri: str | None) -> Template:
    own = {"Prefix", "Stage", "SecretsParameter", "AlarmTopic", "ReserveConcurrency"}
    own |= {"CorsOrigins", "CmsOrg", "GithubClientId"}
    values: Template = {
        name: {"Ref": name} if name in own else {"Fn::GetAtt": ["Storage", f"Outputs.{name}"]}
        for name in parameters(bundle)
    }
    others = {"ApiUrls": _api_urls, sockets_api(owner=False): _sockets_api}
    values |= {name: build_value() for name, build_value in others.items() if name in values}
    # An API can write its access log only with the account's role.
    after = {"DependsOn": ["ApiGatewayAccount"]} if bundle.http or bundle.sockets else {}
    if uri is not None:
        return _nested(f"./{bundle.name}/image.json", values | {image.PARAMETER: uri}, **after)
    return _nested(f"./{bundle.name}/sam.json", values, **after)


def _apis() -> list[Bundle]:
    return [bundle for bundle in BUNDLES if bundle.http]


def _api_urls() -> Template:
    urls = {bundle.name: f"${{{_logical(bundle)}.Outputs.BaseUrl}}" for bundle in _apis()}
    return {"Fn::Sub": json.dumps(urls)}


def _sockets_api() -> Template:
    [bundle] = [bundle for bundle in BUNDLES if bundle.sockets]
    return {"Fn::GetAtt": [_logical(bundle), "Outputs.WebsocketAPIId"]}


def _queue_and_task_alarms() -> Template:
    """Alarms: each dead-letter queue, each queue whose messages wait too long, failed background jobs, lost completion
    notices, and tasks that no worker takes."""
    dead_letters = [parameter("parked_queue"), *map(dead_letter_id, consumers())]
    full = {f"{name}NotEmpty": alarms.dead_letters(_output(name)) for name in dead_letters}
    late = {f"{name}Late": alarms.late_queue(_output(name)) for name in map(parameter, consumers())}
    return {
        **full,
        **late,
        "ChoresFailed": alarms.failed_jobs(),
        "EndingsUntold": alarms.lost_completion_notices(),
        "TasksNobodyCanTake": alarms.unserved_lanes(),
        "TasksWaitLong": alarms.long_waits(),
    }


def _output(name: str) -> Template:
    return {"Fn::GetAtt": ["Storage", f"Outputs.{name}"]}


def _firewall() -> Template:
    stages = [(bundle.name.capitalize(), {"Fn::GetAtt": [_logical(bundle), "Outputs.StageArn"]}) for bundle in _apis()]
    return firewall.resources(stages)


def _tls_only() -> Template:
    arn = _output(parameter("payload_bucket") + "Arn")
    statement = {
        "Sid": "TlsOnly",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, {"Fn::Sub": ["${Bucket}/*", {"Bucket": arn}]}],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    properties = {
        "Bucket": _output(parameter("payload_bucket")),
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    return {"PayloadBucketPolicy": {"Type": "AWS::S3::BucketPolicy", **RETAINED, "Properties": properties}}


def _access_logs() -> Template:
    """The account's role for API Gateway's logs. It is retained when the stack is deleted: other APIs may use it."""
    trust = {"Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"}, "Action": "sts:AssumeRole"}
    managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    role = {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
        "ManagedPolicyArns": [{"Fn::Sub": managed}],
    }
    account = {"CloudWatchRoleArn": {"Fn::GetAtt": ["ApiGatewayLogs", "Arn"]}}
    return {
        "ApiGatewayLogs": {"Type": "AWS::IAM::Role", **RETAINED, "Properties": role},
        "ApiGatewayAccount": {"Type": "AWS::ApiGateway::Account", **RETAINED, "Properties": account},
    }


def _outputs() -> Template:
    return {
        f"{bundle.name.capitalize()}Url": {"Value": {"Fn::GetAtt": [_logical(bundle), "Outputs.BaseUrl"]}}
        for bundle in BUNDLES
        if bundle.http or bundle.sockets
    }

"""The template that `chalice package --merge-template` merges into Chalice's own, with all that Chalice cannot express.

Chalice merges objects recursively and replaces everything else by what is here.
"""

from typing import Any

from chalice.utils import to_cfn_resource_name as logical

from chalicelib.edge import Dialect
from infra import alarms, gateway, websocket_apis
from infra.functions import Bundle, Function, Queue, Schedule, Stream
from infra.names import (
    API_STAGE,
    PREFIX_PARAMETER,
    STORED,
    Template,
    environment_variable,
    parameter,
    sockets_api,
    stream_parameter,
    template,
)
from infra.policies import function_name
from infra.stages import LOG_DAYS

STAGE: Template = {
    "Type": "String",
    "Default": "production",
    "AllowedPattern": "^(?!local$)[a-z][a-z0-9-]*$",
    "ConstraintDescription": "lower-case letters, digits and dashes; 'local' is the developer's machine",
}
SECRETS_PARAMETER: Template = {
    "Type": "String",
    "Default": "/yardmaster/secrets",
    "AllowedPattern": "^/[A-Za-z0-9/_.-]+$",
    "Description": "Name of the SSM SecureString that holds the token and sealing keys.",
}

CMS_ORG: Template = {"Type": "String", "Default": "", "Description": "The org whose posts are public"}
GITHUB_CLIENT_ID: Template = {"Type": "String", "Default": "", "Description": "OAuth app for sign-in with GitHub"}
CORS_ORIGINS: Template = {
    "Type": "String",
    "Default": "",
    "Description": "Origins whose web pages may call the APIs, with commas between them: https://app.example.com",
}

RESERVE_CONCURRENCY: Template = {
    "Type": "String",
    "Default": "false",
    "AllowedValues": ["true", "false"],
    "Description": "Whether the engine's functions reserve concurrency; an account needs at least 710 for it.",
}
RESERVES_CONCURRENCY_CONDITION: Template = {
    "ReservesConcurrency": {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "true"]}
}

STREAM_BATCH = 100
STREAM_RETRIES = 1000
STREAM_AGE_SECONDS = 12 * 3600
"""When Lambda gives up a batch. The relay itself parks changes that always fail; these limits let outages pass."""
LATEST_ONLY_SECONDS = 60
"""A scheduled run that is not retried does not start later than this either."""


def merge_template(bundle: Bundle, dialect: Dialect | None = None) -> Template:
    """The template to merge into Chalice's template of `bundle`. `dialect` is the error format of its API."""
    resources: Template = {}
    for function in bundle.functions:
        resources |= _function(bundle, function)
    outputs: Template = {}
    if dialect is not None:
        name = {"Fn::Sub": f"${{Prefix}}-{bundle.name}"}
        resources |= gateway.resources(name, dialect)
        resources["RestAPIFailedRequests"] = alarms.failed_requests(name, API_STAGE)
        outputs = gateway.outputs(bundle.name)
    if bundle.sockets:
        resources |= websocket_apis.resources({"Fn::Sub": f"${{Prefix}}-{bundle.name}"})
        outputs = websocket_apis.outputs()
    return template(
        f"Yardmaster: {bundle.name}",
        Parameters=parameters(bundle),
        Conditions=alarms.CONDITIONS | (RESERVES_CONCURRENCY_CONDITION if may_reserve_concurrency(bundle) else {}),
        Globals={"Function": {"Environment": {"Variables": _environment(bundle)}}},
        Resources=resources,
        Outputs=outputs,
    )


def parameters(bundle: Bundle) -> Template:
    """The parameters of the bundle's template."""
    texts = [parameter(setting) for setting in STORED] + [stream_parameter(table) for table in _streams(bundle)]
    declared: Template = {name: {"Type": "String"} for name in texts}
    if "api_urls" in bundle.reads:
        declared["ApiUrls"] = {"Type": "String", "Description": "JSON: API name -> base URL"}
    if not bundle.sockets and not websocket_apis.SCHEMES.keys().isdisjoint(bundle.reads):
        declared[sockets_api(owner=False)] = {"Type": "String", "Description": "Id of the WebSocket API"}
    if may_reserve_concurrency(bundle):
        declared["ReserveConcurrency"] = RESERVE_CONCURRENCY
    if bundle.http:
        declared["CorsOrigins"] = CORS_ORIGINS
    if "cms_org" in bundle.reads:
        declared["CmsOrg"] = CMS_ORG
    if "github_client_id" in bundle.reads:
        declared["GithubClientId"] = GITHUB_CLIENT_ID
    return declared | {
        "Prefix": PREFIX_PARAMETER,
        "Stage": STAGE,
        "SecretsParameter": SECRETS_PARAMETER,
        "AlarmTopic": alarms.ALARM_TOPIC,
    }


def may_reserve_concurrency(bundle: Bundle) -> bool:
    """Whether any of the bundle's functions may reserve concurrency."""
    return any(function.reserved for function in bundle.functions)


def _streams(bundle: Bundle) -> list[str]:
    triggers = [function.trigger for function in bundle.functions]
    return sorted({trigger.table for trigger in triggers if isinstance(trigger, Stream)})


def _environment(bundle: Bundle) -> Template:
    settings = [*STORED, "stage", "secrets_parameter", *bundle.reads, *(["cors_origins"] if bundle.http else [])]
    variables = {environment_variable(setting): _value(bundle, setting) for setting in settings}
    # This dimension separates the metrics of two deployments in one account.
    return variables | {"POWERTOOLS_SERVICE_NAME": {"Ref": "Prefix"}}


def _value(bundle: Bundle, setting: str) -> Template:
    return websocket_apis.url(bundle, setting) if setting in websocket_apis.SCHEMES else {"Ref": parameter(setting)}


def _function(bundle: Bundle, function: Function) -> Template:
    # Chalice renames the function behind an API, but not its log group.
    name = "APIHandler" if function.name == "api_handler" else logical(function.chalice_name)
    full_name = function_name(bundle, function)
    log_group = {"LogGroupName": {"Fn::Sub": f"/aws/lambda/{full_name}"}, "RetentionInDays": LOG_DAYS}
    lag = {f"{name}Lag": alarms.late_stream({"Ref": name})} if isinstance(function.trigger, Stream) else {}
    return lag | {
        name: {"Properties": {"FunctionName": {"Fn::Sub": full_name}, **_trigger(function), **_reserve(function)}},
        f"{logical(function.chalice_name)}LogGroup": {"Properties": log_group},
        f"{name}Errors": alarms.errors({"Ref": name}),
        f"{name}Throttles": alarms.throttles({"Ref": name}),
    }


def _trigger(function: Function) -> Template:
    match function.trigger:
        case Stream(table):
            return _event(f"{function.name}-dynamodb-event-source", _stream_mapping(table))
        case Queue() as trigger:
            return _event(f"{function.name}-sqs-event-source", _queue_mapping(trigger))
        case Schedule(retried=False):
            return {"EventInvokeConfig": {"MaximumEventAgeInSeconds": LATEST_ONLY_SECONDS, "MaximumRetryAttempts": 0}}
        case _:
            return {}


def _reserve(function: Function) -> Template:
    """The function's reserved concurrency, if the deployment reserves any."""
    if not function.reserved:
        return {}
    reserved = {"Fn::If": ["ReservesConcurrency", function.reserved, {"Ref": "AWS::NoValue"}]}
    return {"ReservedConcurrentExecutions": reserved}


def _event(name: str, properties: dict[str, Any]) -> Template:
    return {"Events": {logical(name): {"Properties": properties}}}


def _stream_mapping(table: str) -> dict[str, Any]:
    return {
        "Stream": {"Ref": stream_parameter(table)},
        # From the oldest record: changes are not missed while the mapping is being created.
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": STREAM_BATCH,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": True,
        "MaximumRetryAttempts": STREAM_RETRIES,
        "MaximumRecordAgeInSeconds": STREAM_AGE_SECONDS,
        "DestinationConfig": {"OnFailure": {"Type": "SQS", "Destination": queue_arn("parked_queue")}},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }


def _queue_mapping(trigger: Queue) -> dict[str, Any]:
    return {
        # Not a Ref: Chalice writes Fn::Sub here, and the merge would keep both.
        "Queue": queue_arn(trigger.queue),
        "BatchSize": trigger.batch,
        "ScalingConfig": {"MaximumConcurrency": trigger.concurrency},
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }


def queue_arn(setting: str) -> Template:
    """ARN of the queue that a parameter names."""
    return {"Fn::Sub": f"arn:${{AWS::Partition}}:sqs:${{AWS::Region}}:${{AWS::AccountId}}:${{{parameter(setting)}}}"}

"""Settings of an API Gateway: errors in the format of its API, an access log, and 405 answers left to the API."""

import json

from chalicelib import errors
from chalicelib.edge import Dialect
from infra.names import API_STAGE, Template, default
from infra.stages import LOG_DAYS

REQUESTS_PER_SECOND = 1000
BURST = 2000
"""The stage's limits. Requests beyond them are refused here and cost neither concurrency nor table capacity."""

_UNKNOWN_PATH = errors.NotFound("Path", "$context.path")
_TOO_MANY = errors.TooManyRequests("Too many requests at once: try again in a second", retry_after=1)

# Errors of API Gateway itself. Its MISSING_AUTHENTICATION_TOKEN means an unknown path here.
_REFUSALS: dict[str, errors.YardmasterError] = {
    "MISSING_AUTHENTICATION_TOKEN": _UNKNOWN_PATH,
    "RESOURCE_NOT_FOUND": _UNKNOWN_PATH,
    "ACCESS_DENIED": errors.Forbidden("Access is denied"),
    "REQUEST_TOO_LARGE": errors.TooLarge(f"The body is larger than {default('body_limit_bytes')} bytes"),
    "UNSUPPORTED_MEDIA_TYPE": errors.UnsupportedMediaType("Send application/json"),
    "THROTTLED": _TOO_MANY,
    "QUOTA_EXCEEDED": _TOO_MANY,
    "WAF_FILTERED": errors.TooManyRequests("Too many requests from your address: slow down", retry_after=60),
    "INTEGRATION_FAILURE": errors.Unavailable("The service does not answer: try again shortly"),
    "INTEGRATION_TIMEOUT": errors.Unavailable("The service did not answer in time: try again shortly"),
    "DEFAULT_4XX": errors.InvalidRequest("The request cannot be understood"),
    "DEFAULT_5XX": errors.YardmasterError("An unexpected error occurred"),
}
_HEADERS = {
    "gatewayresponse.header.Cache-Control": "'no-store'",
    "gatewayresponse.header.X-Content-Type-Options": "'nosniff'",
    "gatewayresponse.header.X-Request-Id": "context.requestId",
}

_LOGGED = {
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "route": "$context.resourcePath",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "bytes": "$context.responseLength",
    "error": "$context.error.responseType",
    "trace_id": "$context.xrayTraceId",
}
"""One line of the access log. It has the route and not the path, because a path may contain a secret."""


def resources(name: Template, dialect: Dialect) -> Template:
    """The resources to merge into a bundle whose API has this name: its settings and its access log."""
    settings = {
        "Name": name,
        # Without it SAM makes a second stage, called Stage.
        "OpenApiVersion": "2.0",
        "TracingEnabled": True,
        "AccessLogSetting": {
            "DestinationArn": {"Fn::GetAtt": ["AccessLog", "Arn"]},
            "Format": json.dumps(_LOGGED, separators=(",", ":")),
        },
        "MethodSettings": [
            {
                "ResourcePath": "/*",
                "HttpMethod": "*",
                "ThrottlingRateLimit": REQUESTS_PER_SECOND,
                "ThrottlingBurstLimit": BURST,
            }
        ],
        "DefinitionBody": {
            "info": {"title": name},
            "x-amazon-apigateway-gateway-responses": _refusals(dialect),
        },
    }
    log_name = {"Fn::Sub": f"/aws/apigateway/{name['Fn::Sub']}"}
    log = {"LogGroupName": log_name, "RetentionInDays": LOG_DAYS}
    return {
        "RestAPI": {"Properties": settings},
        "AccessLog": {"Type": "AWS::Logs::LogGroup", "Properties": log},
    }


def _refusals(dialect: Dialect) -> Template:
    return {
        kind: {
            "statusCode": str(error.status),
            "responseParameters": _HEADERS | _retry(error),
            # API Gateway fills in the request's id and path.
            "responseTemplates": {"application/json": dialect.error(error, "$context.requestId").decode()},
        }
        for kind, error in _REFUSALS.items()
    }


def _retry(error: errors.YardmasterError) -> Template:
    if error.status not in (429, 503):
        return {}
    seconds = error.retry_after if isinstance(error, errors.TooManyRequests) else 1
    return {"gatewayresponse.header.Retry-After": f"'{seconds}'"}


def outputs(name: str) -> Template:
    """The outputs `BaseUrl` (the prefix of every documented path, without a final slash) and `StageArn`."""
    arn = f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::/restapis/${{RestAPI}}/stages/{API_STAGE}"
    url = f"https://${{RestAPI}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{API_STAGE}"
    return {
        "BaseUrl": {"Description": f"Base URL of the API {name}", "Value": {"Fn::Sub": url}},
        "StageArn": {"Description": f"Stage of the API {name}", "Value": {"Fn::Sub": arn}},
    }


def open_methods(template: Template) -> None:
    """Route the methods that a path does not serve to the API as well, which answers 405 with `Allow`.

    API Gateway itself would answer them like unknown paths.
    """
    for methods in template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        served = next(iter(methods.values()))
        shared = {
            key: served[key] for key in ("parameters", "responses", "x-amazon-apigateway-integration") if key in served
        }
        methods["x-amazon-apigateway-any-method"] = shared


def pass_bytes(template: Template, media_types: list[str]) -> None:
    """Pass bodies of these media types as bytes. Chalice itself would refuse answers that a request does not accept."""
    definition = template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    definition["x-amazon-apigateway-binary-media-types"] = media_types


def nodes(paths: list[str]) -> int:
    """Count the API Gateway resources for these paths: one for each distinct prefix."""
    parts = [path.strip("/").split("/") for path in paths]
    return len({tuple(segments[: depth + 1]) for segments in parts for depth in range(len(segments))}) + 1

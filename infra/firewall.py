"""A web application firewall before the APIs, if the parameter RequestsPerAddress is set.

It counts the requests of one address over all APIs, authenticated or not, before they reach a function.
"""

from collections.abc import Iterable

from infra.names import Template, prefixed

PARAMETER: Template = {
    "Type": "String",
    "Default": "0",
    "AllowedPattern": "^(0|[1-9][0-9]{1,8})$",
    "Description": "Requests of one address in 5 minutes, over all APIs, beyond which it gets 429; 0: no firewall.",
}
CONDITIONS: Template = {"HasFirewall": {"Fn::Not": [{"Fn::Equals": [{"Ref": "RequestsPerAddress"}, "0"]}]}}

_WINDOW_SECONDS = 300


def resources(stages: Iterable[tuple[str, Template]]) -> Template:
    """The firewall and its association with each stage, which is given as (name, ARN)."""
    return {"Firewall": _acl()} | {f"{name}Firewall": _association(arn) for name, arn in stages}


def _acl() -> Template:
    rate = {
        "Limit": {"Ref": "RequestsPerAddress"},
        "EvaluationWindowSec": _WINDOW_SECONDS,
        "AggregateKeyType": "IP",
    }
    rule = {
        "Name": "address",
        "Priority": 0,
        # The API's error format for this is in its gateway response WAF_FILTERED.
        "Action": {"Block": {}},
        "Statement": {"RateBasedStatement": rate},
        "VisibilityConfig": _visible("address"),
    }
    properties = {
        "Name": prefixed("yardmaster-firewall"),
        "Scope": "REGIONAL",
        "DefaultAction": {"Allow": {}},
        "Rules": [rule],
        "VisibilityConfig": _visible("firewall"),
    }
    return {"Type": "AWS::WAFv2::WebACL", "Condition": "HasFirewall", "Properties": properties}


def _visible(name: str) -> Template:
    return {"CloudWatchMetricsEnabled": True, "MetricName": name, "SampledRequestsEnabled": False}


def _association(stage: Template) -> Template:
    properties = {"ResourceArn": stage, "WebACLArn": {"Fn::GetAtt": ["Firewall", "Arn"]}}
    return {"Type": "AWS::WAFv2::WebACLAssociation", "Condition": "HasFirewall", "Properties": properties}

"""Chalice's configuration, one stage for each bundle. `python -m infra.stages` writes `.chalice/config.json`."""

import json
from typing import Any

from infra.bundles import BUNDLES
from infra.functions import Bundle, Function
from infra.names import API_STAGE, PREFIX
from infra.policies import FOLDER, filename

PATH = FOLDER / "config.json"
LOG_DAYS = 30
COMPRESS_BYTES = 1024
"""Responses from this size on are compressed if the client accepts it; smaller ones would only grow."""


def config() -> dict[str, Any]:
    """The content of `.chalice/config.json`."""
    return {
        "version": "2.0",
        "app_name": PREFIX,
        "manage_iam_role": True,
        "autogen_policy": False,
        "xray": True,
        "log_retention_in_days": LOG_DAYS,
        "api_gateway_endpoint_type": "REGIONAL",
        "api_gateway_stage": API_STAGE,
        "minimum_compression_size": COMPRESS_BYTES,
        "stages": {bundle.name: _stage(bundle) for bundle in BUNDLES},
    }


def _stage(bundle: Bundle) -> dict[str, Any]:
    return {
        "environment_variables": {"BUNDLE": bundle.name},
        "lambda_functions": {function.chalice_name: _function(bundle, function) for function in bundle.functions},
    }


def _function(bundle: Bundle, function: Function) -> dict[str, Any]:
    return {
        "lambda_timeout": function.timeout,
        "lambda_memory_size": function.memory,
        "iam_policy_file": filename(bundle, function),
    }


def config_text() -> str:
    return json.dumps(config(), indent=2) + "\n"


if __name__ == "__main__":
    PATH.write_text(config_text())

"""Chalice's configuration equals the declared one and fits app.py."""

import ast
from pathlib import Path

from infra.bundles import BUNDLES
from infra.stages import PATH, config, config_text

APP = Path(__file__).parent.parent.parent / "app.py"


def test_the_file_is_current() -> None:
    """If this fails: make stages."""
    assert PATH.read_text() == config_text()


def test_each_bundle_is_a_stage_that_says_its_name() -> None:
    stages = config()["stages"]
    assert {name: stage["environment_variables"] for name, stage in stages.items()} == {
        bundle.name: {"BUNDLE": bundle.name} for bundle in BUNDLES
    }


def test_every_function_has_limits_and_a_policy_of_its_own() -> None:
    functions = [one for stage in config()["stages"].values() for one in stage["lambda_functions"].values()]
    assert all(one["lambda_timeout"] <= 900 and one["lambda_memory_size"] >= 256 for one in functions)
    assert len({one["iam_policy_file"] for one in functions}) == len(functions)


def test_exactly_the_handlers_of_app_py_are_declared() -> None:
    decorated = {
        node.name
        for node in ast.walk(ast.parse(APP.read_text()))
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    }
    declared = {function.name for bundle in BUNDLES for function in bundle.functions}
    assert declared - {"api_handler"} == decorated


def test_an_api_answers_before_the_gateway_gives_up() -> None:
    functions = [function for bundle in BUNDLES if bundle.http for function in bundle.functions]
    assert max(function.timeout for function in functions if function.trigger is None) <= 29

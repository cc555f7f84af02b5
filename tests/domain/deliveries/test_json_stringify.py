"""JSON in JavaScript's format, checked with JavaScript."""

import json
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.domain.deliveries import json_stringify

JUDGE = """
const lines = require('fs').readFileSync(0, 'utf8').split('\\n');
console.log(JSON.stringify(lines.map((line) => JSON.stringify(JSON.parse(line)) === line)));
"""

numbers = st.integers() | st.floats(allow_nan=False) | st.sampled_from([2**53 + 1, -(2**53), 10**21, 10**400])
words = (
    st.text() | st.integers(min_value=0).map(str) | st.sampled_from(["__proto__", "0", "01", "-1", "4294967295", ""])
)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=5),
    max_leaves=12,
)


def compare_in_javascript(texts: list[str]) -> list[bool]:
    """Whether JavaScript writes each text back unchanged."""
    if shutil.which("node") is None:
        pytest.skip("needs node, which is not on this machine")
    done = subprocess.run(
        ["node", "-e", JUDGE], input="\n".join(texts).encode(), capture_output=True, timeout=60, check=True
    )
    return list(json.loads(done.stdout))


@settings(max_examples=3, suppress_health_check=list(HealthCheck))
@given(st.lists(values, min_size=100, max_size=100))
def test_javascript_writes_back_what_it_reads(found: list[Any]) -> None:
    texts = [json_stringify.stringify(value) for value in found]
    assert [text for text, kept in zip(texts, compare_in_javascript(texts), strict=True) if not kept] == []


@settings(max_examples=60)
@given(st.recursive(st.none() | st.booleans() | st.text(st.characters(codec="utf-8")), st.lists))
def test_nothing_is_lost(value: Any) -> None:
    assert json.loads(json_stringify.stringify(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (-0.0, "0"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (-1.25e30, "-1.25e+30"),
        (2**53 + 1, "9007199254740992"),
        (123456789012345680000, "123456789012345680000"),
        (float("inf"), "null"),
        (float("nan"), "null"),
        (10**400, "null"),
        ("ü€😀\u2028", '"ü€😀\u2028"'),
        ("\ud83d\ude00", '"😀"'),
        ("\ud83d", '"\\ud83d"'),
        ('"\\\x00\x7f\n', '"\\"\\\\\\u0000\x7f\\n"'),
        ({"b": 1, "10": 2, "9": 3, "a": 4, "01": 5}, '{"9":3,"10":2,"b":1,"a":4,"01":5}'),
        ([True, None, {}], "[true,null,{}]"),
    ],
)
def test_how_it_is_written(value: Any, text: str) -> None:
    assert json_stringify.stringify(value) == text


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        json_stringify.stringify({"a": {1}})

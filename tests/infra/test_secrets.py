"""Generated values are values that the engine takes, and a rotation never leaves a token or a key unreadable."""

import io
import json

import pytest

from chalicelib.engine import keys as engine_keys
from infra import secrets


class Shell:
    """Runs the command as a shell would, one value into the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *arguments: str, value: str = "") -> str:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(value))
        secrets.main(list(arguments))
        return self._capsys.readouterr().out


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_fresh_value_is_fit_and_never_the_same(shell: Shell) -> None:
    value = shell.run("new")
    parsed = engine_keys._parse(value)
    assert (len(parsed.jwt), len(parsed.seal)) == (1, 1)
    assert value != shell.run("new")


def test_a_rotation_in_its_three_steps(shell: Shell) -> None:
    before = shell.run("new")
    [old] = json.loads(before)["jwt"]
    added = shell.run("add", value=before)
    promoted = shell.run("promote", value=added)
    retired = shell.run("retire", value=promoted)
    orders = [list(engine_keys._parse(value).jwt) for value in (added, promoted, retired)]
    [_, fresh] = orders[0]
    assert orders == [[old, fresh], [fresh, old], [fresh]]
    assert json.loads(promoted)["jwt"][old] == json.loads(before)["jwt"][old]


def test_one_section_can_be_rotated_alone(shell: Shell) -> None:
    before = shell.run("new")
    after = json.loads(shell.run("add", "seal", value=before))
    assert len(after["seal"]) == 2
    assert after["jwt"] == json.loads(before)["jwt"]


def test_promoting_a_single_key_changes_nothing(shell: Shell) -> None:
    before = shell.run("new")
    assert json.loads(shell.run("promote", value=before)) == json.loads(before)

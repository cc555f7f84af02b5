"""The engine accepts generated values, and a rotation leaves every token and key readable."""

import io
import json
from typing import Any

import pytest

from chalicelib.engine.security import authentication
from chalicelib.engine.security import keyring as engine_keys
from chalicelib.errors import Unauthenticated
from infra import secrets


class Shell:
    """Runs the commands as a shell does, each with the output of the last one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def run(self, *arguments: str, value: str = "") -> str:
        self._monkeypatch.setattr("sys.stdin", io.StringIO(value))
        secrets.main(list(arguments))
        return self._capsys.readouterr().out

    def read_output(self) -> Any:
        """The output since the last call."""
        return self._capsys.readouterr()


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_new_value_is_valid_and_never_the_same(shell: Shell) -> None:
    value = shell.run("new")
    parsed = engine_keys._parse(value)
    assert (len(parsed.jwt), len(parsed.seal)) == (1, 1)
    assert value != shell.run("new")


def test_a_rotation_in_its_three_steps(shell: Shell) -> None:
    before = shell.run("new")
    [old] = json.loads(before)["jwt"]
    added = shell.run("add", value=before)
    promoted = shell.run("promote", value=added)
    retired = shell.run("retire", "jwt", value=promoted)
    orders = [list(engine_keys._parse(value).jwt) for value in (added, promoted, retired)]
    [_, fresh] = orders[0]
    assert orders == [[old, fresh], [fresh, old], [fresh]]
    assert json.loads(promoted)["jwt"][old] == json.loads(before)["jwt"][old]


def test_one_section_can_be_rotated_alone(shell: Shell) -> None:
    before = shell.run("new")
    after = json.loads(shell.run("add", "seal", value=before))
    assert len(after["seal"]) == 2
    assert after["jwt"] == json.loads(before)["jwt"]


def run_refused(shell: Shell, *arguments: str, value: str) -> tuple[int, str]:
    """Run a refused command. Returns the exit status and standard error, which must contain no value or key."""
    with pytest.raises(SystemExit) as ended:
        shell.run(*arguments, value=value)
    printed = shell.read_output()
    assert printed.out == ""
    assert not [key for section in json.loads(value or "{}").values() for key in section.values() if key in printed.err]
    assert isinstance(ended.value.code, int)
    return ended.value.code, printed.err


@pytest.mark.parametrize("section", ["jwt", "seal"])
@pytest.mark.parametrize("step", ["promote", "retire"])
def test_a_step_that_would_change_nothing_fails_and_says_what_to_do(shell: Shell, step: str, section: str) -> None:
    status, message = run_refused(shell, step, section, value=shell.run("new"))
    assert status == 1
    assert f"The section {section} has a single key" in message
    assert "`add`" in message


def test_promoting_both_sections_changes_neither_if_one_has_a_single_key(shell: Shell) -> None:
    value = shell.run("add", "jwt", value=shell.run("new"))
    status, message = run_refused(shell, "promote", value=value)
    assert (status, "The section seal" in message, "Name one section" in message) == (1, True, True)
    assert json.loads(shell.run("promote", "jwt", value=value))["seal"] == json.loads(value)["seal"]


def test_retire_needs_its_section_and_new_takes_none(shell: Shell) -> None:
    value = shell.run("promote", value=shell.run("add", value=shell.run("new")))
    status, message = run_refused(shell, "retire", value=value)
    assert (status, "jwt or seal" in message) == (2, True)
    assert run_refused(shell, "new", "jwt", value="")[0] == 2


@pytest.mark.parametrize("value", ["", "{}", '{"jwt": {"k": "key"}}', '{"jwt": {}, "seal": {}}', '{"jwt": {"k": "key"'])
@pytest.mark.parametrize("step", [("add",), ("promote",), ("retire", "jwt")])
def test_an_invalid_value_is_refused_and_not_repeated(shell: Shell, step: tuple[str, ...], value: str) -> None:
    """This happens when the parameter cannot be read, or when an earlier step failed."""
    with pytest.raises(SystemExit) as ended:
        shell.run(*step, value=value)
    printed = shell.read_output()
    assert (ended.value.code, printed.out) == (1, "")
    assert "Standard input has no keys" in printed.err
    assert '"key"' not in printed.err


def test_after_the_three_steps_a_leaked_key_is_gone(shell: Shell) -> None:
    """The commands of docs/how-to/deploy.md for a leaked key: add, promote, retire in one pipe."""
    before = shell.run("new")
    [leaked] = json.loads(before)["jwt"].values()
    value = before
    for step in ("add", "promote", "retire"):
        value = shell.run(step, "jwt", value=value)
    assert leaked not in value
    parsed = engine_keys._parse(value)
    assert (len(parsed.jwt), parsed.seal) == (1, engine_keys._parse(before).seal)


def test_a_token_of_the_leaked_key_is_refused_and_one_of_the_new_key_accepted(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = shell.run("new")
    principal = authentication.Principal("acme", "ops", "admin")

    def deploy(text: str) -> None:
        monkeypatch.setattr(engine_keys, "_keys", lambda: engine_keys._parse(text))

    deploy(value)
    forged = authentication.issue_token(principal, 3_600)
    assert authentication.verify_token(forged).subject == "ops"
    for step in ("add", "promote", "retire"):
        value = shell.run(step, "jwt", value=value)
    deploy(value)
    with pytest.raises(Unauthenticated):
        authentication.verify_token(forged)
    assert authentication.verify_token(authentication.issue_token(principal, 3_600)).subject == "ops"

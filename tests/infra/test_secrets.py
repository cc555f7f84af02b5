"""Generated keys are keys that the engine takes."""

import io
import json

import pytest

from chalicelib.engine import keys as engine_keys
from infra import secrets


def test_a_fresh_value_is_fit_and_never_the_same() -> None:
    parsed = engine_keys._parse(json.dumps(secrets.fresh()))
    assert all(len(key) == 32 for key in parsed.seal.values())
    assert secrets.fresh() != secrets.fresh()


def test_rotation_puts_the_new_key_first_and_keeps_the_old() -> None:
    old = secrets.fresh()
    new = secrets.rotated(old)
    parsed = engine_keys._parse(json.dumps(new))
    for section, present in (("jwt", parsed.jwt), ("seal", parsed.seal)):
        assert list(present)[1:] == list(old[section])
        assert new[section] | old[section] == new[section]


def test_the_command_reads_and_prints_one_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    old = secrets.fresh()
    monkeypatch.setattr("sys.argv", ["secrets", "--rotate"])
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(old)))
    secrets.main()
    assert [len(section) for section in json.loads(capsys.readouterr().out).values()] == [2, 2]

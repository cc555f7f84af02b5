"""The settings: their defaults, and errors that name each wrong setting and show no secret."""

import pytest
from code_worker.errors import Misconfigured
from code_worker.settings import Limits, from_environment

MODELS = '[{"protocol": "openai", "key": "s3cret", "models": [{"id": "m"}]}]'


def test_each_setting_has_a_default() -> None:
    found = from_environment({"MODELS": MODELS})
    assert (found.url, found.languages, found.max_concurrent, found.sandbox) == ("http://localhost:8041", (), 2, True)
    assert found.limits == Limits() and "code-worker on" in found.name


def test_settings_are_read_from_the_environment() -> None:
    parsed = from_environment(
        {
            "MODELS": MODELS,
            "YARDMASTER_URL": "https://h/",
            "LANGUAGES": "py, JavaScript,",
            "SANDBOX": "off",
            "TEST_SECONDS": "3",
        }
    )
    assert (parsed.url, parsed.languages, parsed.sandbox) == ("https://h", ("python", "javascript"), False)
    assert parsed.limits.seconds == 3


def test_secrets_are_not_shown() -> None:
    found = from_environment({"MODELS": MODELS, "YARDMASTER_TOKEN": "t0ken"})
    assert "t0ken" not in repr(found) and "s3cret" not in repr(found)


@pytest.mark.parametrize(
    "name, value",
    [
        ("MODELS", ""),
        ("YARDMASTER_URL", "localhost:8041"),
        ("MAX_CONCURRENT", "0"),
        ("MAX_CONCURRENT", "many"),
        ("GRACE_SECONDS", "-1"),
        ("SANDBOX", "maybe"),
        ("TEST_SECONDS", "nan"),
        ("TEST_MEMORY_MB", "1"),
        ("ALL_TESTS_SECONDS", "0"),
        ("MODEL_FIRST_SECONDS", "0"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(Misconfigured, match=name):
        from_environment({"MODELS": MODELS} | {name: value})

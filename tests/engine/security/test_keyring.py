import base64
import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws

from chalicelib import clock, config
from chalicelib.config import DEVELOPMENT_KEY_ID, DEVELOPMENT_SEAL, DEVELOPMENT_SECRET, Misconfigured
from chalicelib.engine.security import keyring
from chalicelib.errors import Unavailable

Store = Callable[[object], None]

JWT = {"b": "s" * 32, "a": "é" * 16}
SEAL = {"2": base64.b64encode(b"2" * 32).decode(), "1": base64.b64encode(b"1" * 32).decode()}


@pytest.fixture
def manual_clock() -> Iterator[clock.ManualClock]:
    manual = clock.ManualClock(1_000_000)
    previous = clock.use(manual)
    yield manual
    clock.use(previous)


@pytest.fixture
def store(request: pytest.FixtureRequest, manual_clock: clock.ManualClock) -> Iterator[Store]:
    """Set the content of the deployment's secrets parameter for this test."""
    name = f"/yard/{request.node.name}".translate(str.maketrans("[] ", "---"))
    before = config.replace(stage="test", secrets_parameter=name)

    def put(document: object) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        ssm = boto3.client("ssm", region_name=config.settings().region)
        ssm.put_parameter(Name=name, Value=text, Type="SecureString", Overwrite=True)

    with mock_aws():
        yield put
    config.restore(before)


def test_the_local_stage_has_the_development_keys() -> None:
    assert keyring.jwt_keys() == {DEVELOPMENT_KEY_ID: DEVELOPMENT_SECRET}
    assert keyring.seal_keys() == {DEVELOPMENT_KEY_ID: base64.b64decode(DEVELOPMENT_SEAL)}


def test_in_aws_the_keys_are_the_parameters_in_its_order(store: Store) -> None:
    store({"jwt": JWT, "seal": SEAL})
    assert list(keyring.jwt_keys().items()) == list(JWT.items())
    assert list(keyring.seal_keys().items()) == [("2", b"2" * 32), ("1", b"1" * 32)]


def test_keys_are_kept_for_five_minutes_and_no_longer(store: Store, manual_clock: clock.ManualClock) -> None:
    store({"jwt": {"old": "o" * 32}, "seal": SEAL})
    assert list(keyring.jwt_keys()) == ["old"]
    store({"jwt": {"new": "n" * 32}, "seal": SEAL})
    manual_clock.advance(299.999)
    assert list(keyring.jwt_keys()) == ["old"]
    manual_clock.advance(0.001)
    assert list(keyring.jwt_keys()) == ["new"]


@pytest.mark.usefixtures("store")
def test_a_parameter_that_cannot_be_read_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        keyring.seal_keys()


UNFIT = {
    "not json": ("topsecret{", "not JSON"),
    "not an object": (["topsecret"], '"jwt"'),
    "no jwt": ({"seal": SEAL}, '"jwt"'),
    "no seal": ({"jwt": JWT}, '"seal"'),
    "empty": ({"jwt": {}, "seal": SEAL}, '"jwt"'),
    "not text": ({"jwt": {"k": 7}, "seal": SEAL}, '"jwt"'),
    "short jwt": ({"jwt": {"k": "topsecret" + "s" * 22}, "seal": SEAL}, "'k' is shorter than 32 bytes"),
    "short second jwt": ({"jwt": JWT | {"k": "topsecret"}, "seal": SEAL}, "'k' is shorter"),
    "short seal": ({"jwt": JWT, "seal": {"k": base64.b64encode(b"x" * 31).decode()}}, "'k' must be exactly 32 bytes"),
    "long seal": ({"jwt": JWT, "seal": {"k": base64.b64encode(b"x" * 33).decode()}}, "'k' must be exactly 32 bytes"),
    "not base64": ({"jwt": JWT, "seal": {"k": "topsecret!"}}, "'k' is not base64"),
    "not ascii": ({"jwt": JWT, "seal": {"k": "topsecreté"}}, "'k' is not base64"),
    "development jwt": ({"jwt": {"k": DEVELOPMENT_SECRET}, "seal": SEAL}, "development"),
    "development seal": ({"jwt": JWT, "seal": {"k": DEVELOPMENT_SEAL}}, "development"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_unfit_keys_are_refused_by_name_and_never_quoted(case: str, store: Store) -> None:
    document, sentence = UNFIT[case]
    store(document)
    with pytest.raises(Misconfigured, match=sentence) as caught:
        keyring.jwt_keys()
    assert "topsecret" not in str(caught.value)
    assert DEVELOPMENT_SECRET not in str(caught.value)
    assert DEVELOPMENT_SEAL not in str(caught.value)

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib import config
from chalicelib.errors import Unavailable
from chalicelib.storage.aws.ssm import find_parameter, read_parameter


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        yield


def test_a_secure_parameter_is_read_decrypted() -> None:
    ssm = boto3.client("ssm", region_name=config.settings().region)
    ssm.put_parameter(Name="/yard/secrets", Value="plain", Type="SecureString")
    assert read_parameter("/yard/secrets") == "plain"


def test_a_parameter_that_is_not_there_is_unavailable_and_not_named() -> None:
    with pytest.raises(Unavailable) as caught:
        read_parameter("/yard/none")
    assert "/yard/none" not in caught.value.message


def test_who_asks_is_not_kept_waiting_by_a_store_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    clients: list[Any] = []
    client = boto3.client

    def noted(*named: Any, **said: Any) -> Any:
        clients.append(said["config"])
        return client(*named, **said)

    monkeypatch.setattr(boto3, "client", noted)
    assert find_parameter("/yard/none") is None
    [config] = clients
    longest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert longest <= 10, "seconds; the gateway waits for 29"

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from chalicelib import config
from chalicelib.errors import Unavailable
from chalicelib.storage.secrets import read_parameter


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

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

from chalicelib import config
from chalicelib.config import settings
from tests.support.models import MODELS, Models, models
from tests.support.world import World

Store = Callable[[str, str], Any]


@pytest.fixture
def configured_world(world: World) -> Iterator[World]:
    """A deployment with the models of tests/support/models.py."""
    before = config.replace(models=MODELS)
    yield world
    config.restore(before)


@pytest.fixture
def fake_models(world: World) -> Iterator[Models]:
    """A deployment whose model servers answer."""
    with models(world) as found:
        yield found


@pytest.fixture
def store(world: World) -> Iterator[Store]:
    """Store a parameter in SSM under the deployment's secrets: `store("models", text)`."""
    before = config.replace(secrets_parameter="/yard/secrets")
    ssm = boto3.client("ssm", region_name=settings().region)
    yield lambda name, text: ssm.put_parameter(
        Name=f"/yard/secrets/{name}", Value=text, Type="SecureString", Overwrite=True
    )
    config.restore(before)

"""Subtasks with a search, a maker of images and a language model, which are all fakes."""

from collections.abc import Iterator

import pytest

from chalicelib import config
from tests.support import studio_services
from tests.support.extras import require_extra
from tests.support.models import Models, models
from tests.support.world import World

require_extra("studio")


@pytest.fixture
def fake_models(world: World) -> Iterator[Models]:
    """The services and the models of a deployment."""
    studio_services.start(world)
    with models(world) as found:
        config.replace(search=studio_services.SEARXNG, images=studio_services.OPENAI)
        yield found

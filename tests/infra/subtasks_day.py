"""Subtasks in a day: by themselves and as tasks, with a model that answers and one that does not."""

import json

from chalicelib import config
from chalicelib.apis import studio
from chalicelib.domain.tasks.pools import STEPS_POOL
from chalicelib.engine.models import current_model
from chalicelib.engine.tasks import submission
from chalicelib.engine.tasks.submission import Submission
from tests.infra.calls import Watch
from tests.infra.clients import Client
from tests.infra.models_day import BEDROCK
from tests.support import studio_services
from tests.support.models import PROVIDERS, models
from tests.support.world import ORG, World

TEXT = "They recieve fish at the harbor."


def run(watch: Watch, world: World) -> None:
    """The subtasks' part of the day."""
    client = Client(watch, studio.api)
    studio_services.start(world)
    with models(world) as fake_models:
        config.replace(images=studio_services.OPENAI)
        client("POST", "/api/subtasks/creative", {"topic": "harbors"})
        client("POST", "/api/subtasks/images", {"prompt": "a harbor"})
        for type in ("studio:qa", "studio:format"):
            submission.submit(
                ORG, "dev", Submission(STEPS_POOL, type, 5, payload={"content": TEXT}, capabilities=(type,))
            )
            world.settle()
        config.replace(models=json.dumps([BEDROCK, *PROVIDERS]))
        current_model.switch(ORG, "unreachable")
        client("POST", "/api/subtasks/qa", {"content": TEXT, "checks": ["factuality"]})
        current_model.switch(ORG, "clever")
        assert fake_models.openai.requests

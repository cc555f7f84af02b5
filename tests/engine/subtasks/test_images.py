"""Images: by both protocols, kept and linked; and nothing in the place of an image."""

import pytest

from chalicelib import config
from chalicelib.engine.subtasks import images
from chalicelib.errors import InvalidRequest, NotConfigured, Unavailable
from chalicelib.providers.http.outbound import Response
from chalicelib.storage.aws import s3
from tests.support import studio_services
from tests.support.models import Models
from tests.support.world import ORG, World, answer


@pytest.mark.parametrize("setting", [studio_services.OPENAI, studio_services.WEBUI])
def test_images_are_kept_and_linked(fake_models: Models, setting: str) -> None:
    config.replace(images=setting)
    pictures = images.make_images(ORG, "a robot", "3d", 2)
    assert [image.prompt for image in pictures] == ["a robot"] * 2
    assert [s3.find_object(image.key) for image in pictures] == [studio_services.PNG] * 2
    assert len({image.url for image in pictures}) == 2
    assert all(image.key in image.url for image in pictures)


def test_a_refused_prompt_is_the_caller_s(fake_models: Models) -> None:
    with pytest.raises(InvalidRequest, match="prompt: the service for images refuses it"):
        images.make_images(ORG, "forbidden", "3d", 1)


@pytest.mark.parametrize(
    "reply",
    [
        answer(401, {}),
        answer(500, {}),
        answer(200),
        answer(200, []),
        answer(200, {"data": []}),
        answer(200, {"data": [{"b64_json": "aGVsbG8="}]}),
        answer(200, {"data": [{"url": "https://x.example"}]}),
    ],
)
def test_a_service_that_fails_is_unavailable_and_nothing_is_an_image(fake_models: Models, reply: Response) -> None:
    fake_models.world.servers[studio_services.OPENAI_HOST] = lambda *_: reply
    with pytest.raises(Unavailable, match="does not answer as it should"):
        images.make_images(ORG, "a robot", "3d", 1)


def test_without_a_service_the_setting_is_named(world: World) -> None:
    with pytest.raises(NotConfigured, match="set IMAGES"):
        images.make_images(ORG, "a robot", "3d", 1)

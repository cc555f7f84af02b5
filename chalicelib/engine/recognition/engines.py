"""The recogniser as RECOGNITION_ENGINES chooses it: the process that recognises makes it by `recognizer`."""

from typing import cast

from chalicelib.config import settings
from chalicelib.providers.recognition.chosen import Chosen
from chalicelib.providers.recognition.embedded import Embedded
from chalicelib.providers.recognition.recognizer import Capability, Recognizer
from chalicelib.providers.recognition.rekognition import Rekognition


def recognizer() -> Recognizer:
    """A recogniser with the configured engine for each capability. Loads no engine, and makes no call."""
    at_aws = [cast(Capability, name) for name, engine in settings().recognition_engines.items() if engine == "aws"]
    if not at_aws:
        return Embedded()
    # Imported here: boto3 takes long to import, and most deployments embed all engines.
    from chalicelib.storage.aws import rekognition

    return Chosen(dict.fromkeys(at_aws, Rekognition(rekognition.client())), Embedded())

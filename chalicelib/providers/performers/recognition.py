"""Recognition as tasks: the same recognisers as the recognition API's, for jobs that nobody waits for.

Results have the fields of the API's answers, with all that is known of each finding.
"""

from dataclasses import asdict
from typing import Annotated, Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.domain.recognition.base64_text import Base64File
from chalicelib.providers.recognition import service
from chalicelib.providers.recognition.jobs import File, Job
from chalicelib.providers.recognition.recognizer import Box, Match, Offset, Text, Transcript

Label = Annotated[str, Field(min_length=1, max_length=64)]
MAX_IMAGES = 32


class _Input(BaseModel):
    """Other members of the task's payload are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)


class ImageInput(_Input):
    """An image."""

    image: Base64File


class SliderInput(_Input):
    """A background, and the piece that fits into it."""

    background: Base64File
    slider: Base64File


class AudioInput(_Input):
    """A recording."""

    audio: Base64File


class TargetInput(ImageInput):
    """An image, and the label of what is looked for in it."""

    target: Label


class CategoryInput(_Input):
    """Images, and the label of what is looked for in each."""

    images: list[Base64File] = Field(min_length=1, max_length=MAX_IMAGES)
    category: Label


class ReadText:
    """Reads the text in an image."""

    name: ClassVar[str] = "recognition:ocr"
    input: ClassVar[type[BaseModel]] = ImageInput

    def perform(self, payload: ImageInput) -> dict[str, Any]:
        """`text`, `confidence` (0-1), `solver`, and the `lines` with their places."""
        return asdict(cast(Text, _recognize(Job("ocr", (File("image", payload.image),)))))


class FindOffset:
    """Finds where a piece fits its background."""

    name: ClassVar[str] = "recognition:slider"
    input: ClassVar[type[BaseModel]] = SliderInput

    def perform(self, payload: SliderInput) -> dict[str, Any]:
        """`offset_x` and `offset_y` in pixels, `confidence` (0-1, below 0.5 if it was not found), and `solver`."""
        files = File("background", payload.background), File("slider", payload.slider)
        offset = cast(Offset, _recognize(Job("offset", files)))
        place = {"offset_x": offset.x, "offset_y": offset.y}
        return place | {"confidence": offset.confidence, "solver": offset.solver}


class Transcribe:
    """Writes down the words of a recording."""

    name: ClassVar[str] = "recognition:transcribe"
    input: ClassVar[type[BaseModel]] = AudioInput

    def perform(self, payload: AudioInput) -> dict[str, Any]:
        """`text`, `digits`, `confidence` (0-1), `language` and `solver`."""
        return asdict(cast(Transcript, _recognize(Job("transcribe", (File("audio", payload.audio),)))))


class DetectObjects:
    """Finds the objects in an image that a label names."""

    name: ClassVar[str] = "recognition:detect"
    input: ClassVar[type[BaseModel]] = TargetInput

    def perform(self, payload: TargetInput) -> dict[str, Any]:
        """`boxes`, the surest first."""
        job = Job("detect", (File("image", payload.image),), payload.target)
        return {"boxes": [asdict(box) for box in cast(tuple[Box, ...], _recognize(job))]}


class ClassifyImages:
    """Finds the images that show what a label names."""

    name: ClassVar[str] = "recognition:classify"
    input: ClassVar[type[BaseModel]] = CategoryInput

    def perform(self, payload: CategoryInput) -> dict[str, Any]:
        """`matches`, the places of the images in the list from 0, and a `confidence` (0-1) for each."""
        files = tuple(File(f"images.{index}", image) for index, image in enumerate(payload.images))
        matches = cast(tuple[Match, ...], _recognize(Job("classify", files, payload.category)))
        return {"matches": [match.index for match in matches], "confidence": [match.confidence for match in matches]}


def _recognize(job: Job) -> Any:
    return service.recognize(job, org=None)

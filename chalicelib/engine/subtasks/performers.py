"""The performers of subtasks, for steps of a workflow and for tasks of their own.

A step's payload is `{"input": <the execution's input>, "previous": <the result of the step before>}`: what the step
before says of something comes before what the input says. A task's own payload has the same members directly.
"""

from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from chalicelib import clock
from chalicelib.domain.models.chat import ModelFailure
from chalicelib.domain.tasks.push_responses import Busy, Done
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.domain.texts.issues import Check
from chalicelib.engine.subtasks import creative, formatting, images, qa, research
from chalicelib.engine.subtasks.creative import Brief
from chalicelib.engine.subtasks.research import Text
from chalicelib.errors import NotConfigured

MAX_CONTENT = 100_000
Word = Annotated[str, Field(max_length=100)]
"""One word, or a few: a style, a tone, a kind of content."""
MAX_KEY_POINTS = 50
KeyPoints = Annotated[list[str], Field(max_length=MAX_KEY_POINTS)]
MAX_REST_MS = 30 * clock.SECOND


class StepInput(BaseModel):
    """The members of a payload that a performer needs; others are ignored."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _merge(cls, payload: Any) -> Any:
        if not isinstance(payload, dict) or not payload.keys() <= {"input", "previous"}:
            return payload
        parts = (payload.get("input"), payload.get("previous"))
        return {name: value for part in parts if isinstance(part, dict) for name, value in part.items()}


class GivenText(BaseModel):
    """A source as a text."""

    text: str = Field(min_length=1, max_length=MAX_CONTENT)
    title: str | None = Field(default=None, max_length=300)
    url: str | None = Field(default=None, max_length=2_048)


def _require_source(source: str) -> str:
    if not research.is_source(source):
        raise ValueError(f"must hold {', '.join(research.KINDS)}, URLs, texts of several words, or objects with a text")
    return source


class ResearchInput(StepInput):
    """A topic and where to look."""

    topic: str = Field(min_length=1, max_length=500)
    depth: research.Depth = "moderate"
    sources: list[Annotated[str, AfterValidator(_require_source)] | GivenText] = Field(default=[], max_length=20)
    key_points: KeyPoints = []
    """The writer's own: they come before those that are found."""


class Research:
    """Extracts what sources say. Without a source and without a search it finds nothing, and says why."""

    name: ClassVar[str] = "studio:research"
    input: ClassVar[type[BaseModel]] = ResearchInput

    def perform(self, _task: Task, payload: ResearchInput) -> Done | Failure | Busy:
        """`topic`, `summary`, `key_points`, `sources`, and `note` where nothing was looked for."""
        sources = [it if isinstance(it, str) else Text(it.text, it.title, it.url) for it in payload.sources]
        note = {}
        try:
            findings = research.research(payload.topic, payload.depth, sources)
        except NotConfigured as error:
            if sources:
                raise
            findings, note = research.Research(payload.topic, "", [], []), {"note": error.message}
        points = dict.fromkeys([*payload.key_points, *findings.key_points])
        return Done(findings._replace(key_points=list(points)[:MAX_KEY_POINTS])._asdict() | note)


class CreativeInput(StepInput):
    """A topic and how to write about it; or a text to improve, by suggestions."""

    topic: str = Field(default="", max_length=500)
    title: str | None = Field(default=None, max_length=300)
    content: str = Field(default="", max_length=MAX_CONTENT)
    suggestions: list[str] = Field(default=[], max_length=50)
    style: Word = "professional"
    length: creative.Length | Annotated[int, Field(ge=creative.MIN_WORDS, le=creative.MAX_WORDS, strict=True)] = (
        "medium"
    )
    content_type: Word = ""
    tone: Word = ""
    target_audience: str = Field(default="", max_length=500)
    primary_keyword: str = Field(default="", max_length=500)
    key_points: KeyPoints = []
    sources: list[Any] = []

    @model_validator(mode="after")
    def _needs_a_topic(self) -> Self:
        if not (self.topic.strip() or self.content.strip()):
            raise ValueError("a topic or a content is needed")
        return self

    @property
    def brief(self) -> Brief:
        return Brief(
            self.topic or self.title or "the text",
            self.style,
            self.length,
            self.key_points,
            self.content,
            self.suggestions,
            self.content_type,
            self.tone,
            self.target_audience,
            self.primary_keyword,
        )


class Creative:
    """Has the org's model write a draft."""

    name: ClassVar[str] = "studio:creative"
    input: ClassVar[type[BaseModel]] = CreativeInput

    def perform(self, task: Task, payload: CreativeInput) -> Done | Failure | Busy:
        """`title`, the model's where none was given, `content` and `model`, and the `key_points` and `sources` that it
        was given."""
        try:
            draft = creative.write(task.org, payload.brief, seconds=creative.STEP_SECONDS)
        except ModelFailure as failure:
            return _failed(failure)
        draft = draft._replace(title=payload.title or draft.title)
        return Done(draft._asdict() | {"key_points": payload.key_points, "sources": payload.sources})


class QualityInput(StepInput):
    """A text to check."""

    content: str = Field(min_length=1, max_length=MAX_CONTENT)
    title: str | None = None
    checks: list[Check] = list(qa.CHECKS)
    key_points: KeyPoints = []


class Quality:
    """Checks a text."""

    name: ClassVar[str] = "studio:qa"
    input: ClassVar[type[BaseModel]] = QualityInput

    def perform(self, task: Task, payload: QualityInput) -> Done | Failure | Busy:
        """`title` and `content` as they came, `quality_score`, `issues` and `suggestions`."""
        assessed = qa.assess(task.org, payload.content, payload.checks, sources=payload.key_points)
        text = {"title": payload.title, "content": payload.content}
        return Done(text | assessed._asdict() | {"issues": [issue._asdict() for issue in assessed.issues]})


class FormatInput(StepInput):
    """A text to publish."""

    content: str = Field(min_length=1, max_length=MAX_CONTENT)
    title: str | None = Field(default=None, max_length=creative.MAX_TITLE_CHARS)
    quality_score: int | None = None


class Format:
    """Makes a post of a text."""

    name: ClassVar[str] = "studio:format"
    input: ClassVar[type[BaseModel]] = FormatInput

    def perform(self, _task: Task, payload: FormatInput) -> Done | Failure | Busy:
        """The members of `formatting.Formatted`, and the `quality_score` that the text came with."""
        post = formatting.format_post(payload.title, payload.content)
        return Done(post._asdict() | {"quality_score": payload.quality_score})


class ImagesInput(StepInput):
    """What the images show."""

    prompt: str = Field(min_length=1, max_length=1_000)
    style: images.Style = "photorealistic"
    count: int = Field(default=1, ge=1, le=images.MAX_IMAGES)


class Images:
    """Has images made."""

    name: ClassVar[str] = "studio:images"
    input: ClassVar[type[BaseModel]] = ImagesInput

    def perform(self, task: Task, payload: ImagesInput) -> Done | Failure | Busy:
        """`images`, each with its `url`, `prompt` and `key`."""
        prompt, style, count = payload.prompt, payload.style, payload.count
        made = images.make_images(task.org, prompt, style, count, seconds=images.STEP_SECONDS)
        return Done({"images": [image._asdict() for image in made]})


def _failed(failure: ModelFailure) -> Failure | Busy:
    """As the performer of chat tasks: no attempt is counted where no model was asked."""
    if failure.is_retryable and not failure.was_called:
        return Busy(min(failure.rest_ms or 0, MAX_REST_MS))
    return Failure(Reason.WORKER_FAILED, str(failure), failure.is_retryable, retry_after_ms=failure.rest_ms)

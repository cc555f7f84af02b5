"""Subtasks (glad-labs.md, "Subtasks"): research, writing, quality, images and format, each by itself and at once."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from chalicelib.edge import Caller, Routes, Schema
from chalicelib.engine.subtasks import creative, formatting, images, qa, research
from chalicelib.engine.subtasks.creative import Brief
from chalicelib.engine.subtasks.research import Text

routes = Routes("/api/subtasks", tag="Subtasks")

Topic = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"\S")]
Content = Annotated[str, StringConstraints(min_length=1, max_length=100_000)]
Link = Annotated[str, StringConstraints(max_length=2_048, pattern=r"^https?://[^\s]+$")]
Kind = Literal["academic", "news", "blogs"]
Check = Literal["grammar", "factuality", "formatting", "style", "readability"]
Markup = Literal["markdown", "html", "rst"]


class SourceIn(Schema):
    """A source as a text."""

    text: Content
    title: Annotated[str, StringConstraints(max_length=300)] | None = None
    url: Link | None = None


class ResearchIn(Schema):
    """A topic, and where to look."""

    topic: Topic = Field(examples=["AI trends 2025"])
    depth: Literal["deep", "moderate", "shallow"] = "moderate"
    sources: list[Kind | Link | SourceIn] = Field(
        default=[], max_length=20, description="Kinds of sources, which are searched for; or URLs, or texts."
    )


class SourceOut(Schema):
    """A source that was read."""

    title: str
    url: str | None
    excerpt: str


class ResearchOut(Schema):
    """What sources say about the topic, in their own sentences: a summary and key points in markdown."""

    status: Literal["completed"] = "completed"
    findings: str
    sources: list[SourceOut]


class CreativeIn(Schema):
    """A topic, and how to write about it."""

    topic: Topic = Field(examples=["Blog post about AI"])
    style: Literal["professional", "casual", "humorous"] = "professional"
    length: Literal["short", "medium", "long"] = "medium"


class CreativeOut(Schema):
    """What a model wrote, in markdown with a title."""

    status: Literal["completed"] = "completed"
    content: str


class QualityIn(Schema):
    """A text in markdown or HTML, and what to check."""

    content: Content
    checks: list[Check] = Field(default=["grammar", "factuality", "formatting"], min_length=1, max_length=5)


class IssueOut(Schema):
    """One thing that is wrong with the text, or with the severity `not_checked` a check that was not made."""

    check: Check
    kind: str
    severity: Literal["error", "warning", "advice", "not_checked"]
    message: str
    line: int | None
    excerpt: str | None
    suggestion: str | None = Field(description="What to write in the place of the excerpt.")


class QualityOut(Schema):
    """The issues by line, 200 at most, and a score that follows from all."""

    status: Literal["completed"] = "completed"
    issues: list[IssueOut]
    quality_score: int | None = Field(description="0 to 100; null where none of the checks was made.")


class ImagesIn(Schema):
    """What the images show."""

    prompt: Annotated[str, StringConstraints(min_length=1, max_length=1_000, pattern=r"\S")]
    style: Literal["photorealistic", "illustration", "3d"] = "photorealistic"
    count: int = Field(default=1, ge=1, le=images.MAX_IMAGES, strict=True)


class ImageOut(Schema):
    """An image, by a link that anybody can open for an hour."""

    url: str
    prompt: str


class ImagesOut(Schema):
    """The images that were made."""

    status: Literal["completed"] = "completed"
    images: list[ImageOut]


class FormatIn(Schema):
    """A text, the markup that it is to have, and what for."""

    content: Content
    format: Markup = "markdown"
    style: Literal["blog", "documentation", "email"] = "blog"
    source_format: Markup | None = Field(
        default=None, description="The markup that the text has; without it `html` where it begins with a tag."
    )


class FormatOut(Schema):
    """The text in the markup."""

    status: Literal["completed"] = "completed"
    formatted_content: str


@routes.post("/research", errors=[503])
def research_topic(body: ResearchIn, _caller: Caller) -> ResearchOut:
    """Say what sources say about a topic."""
    sources = [one if isinstance(one, str) else Text(one.text, one.title, one.url) for one in body.sources]
    found = research.research(body.topic, body.depth, sources)
    return ResearchOut(findings=found.findings, sources=[SourceOut(**source) for source in found.sources])


@routes.post("/creative", errors=[503])
def write_content(caller: Caller, body: CreativeIn) -> CreativeOut:
    """Have a language model write about a topic."""
    draft = creative.write_now(caller.org, Brief(body.topic, body.style, body.length))
    return CreativeOut(content=f"# {draft.title}\n\n{draft.content}")


@routes.post("/qa", errors=[503])
def check_quality(caller: Caller, body: QualityIn) -> QualityOut:
    """Check a text, and score it."""
    assessed = qa.assess(caller.org, body.content, body.checks)
    issues = [IssueOut(**issue._asdict()) for issue in assessed.issues]
    return QualityOut(issues=issues, quality_score=assessed.quality_score)


@routes.post("/images", errors=[503])
def make_images(caller: Caller, body: ImagesIn) -> ImagesOut:
    """Have images made."""
    made = images.make_images(caller.org, body.prompt, body.style, body.count)
    return ImagesOut(images=[ImageOut(url=image.url, prompt=image.prompt) for image in made])


@routes.post("/format", errors=[503])
def format_content(body: FormatIn, _caller: Caller) -> FormatOut:
    """Give a text another markup, and the shape for where it is shown."""
    text = formatting.format_text(body.content, body.format, body.style, body.source_format)
    return FormatOut(formatted_content=text)

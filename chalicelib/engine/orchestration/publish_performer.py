"""The performer of the step `publish`: what a person approved becomes a content, and the content a post."""

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from chalicelib import ids
from chalicelib.domain.contents.content import MAX_TEXT_CHARS
from chalicelib.domain.tasks.push_responses import Busy, Done
from chalicelib.domain.tasks.task import Task
from chalicelib.domain.tasks.transitions import WORKFLOW, Failure
from chalicelib.engine.contents import contents, publication
from chalicelib.engine.contents.contents import MAX_TAGS, Draft

MAX_TITLE_CHARS = 256
MAX_LABEL_CHARS = 64
_URL = re.compile(r"https?://[^\s<>\"']{1,2000}")


class Written(BaseModel):
    """What the step before has returned."""

    model_config = ConfigDict(hide_input_in_errors=True)

    title: str = Field(min_length=1)
    content: str = Field(min_length=1, max_length=MAX_TEXT_CHARS)
    excerpt: str | None = None
    seo_title: str | None = None
    seo_description: str | None = None
    quality_score: float | None = None


class Wanted(BaseModel):
    """What the execution's input says of the post. What a post cannot have is cut or left out: the content is
    approved."""

    model_config = ConfigDict(hide_input_in_errors=True)

    category: Any = None
    tags: Any = None
    featured_image_url: Any = None

    @property
    def labels(self) -> dict[str, Any]:
        """The fields of the draft that these are."""
        tags = self.tags if isinstance(self.tags, list) else []
        is_url = isinstance(self.featured_image_url, str) and _URL.fullmatch(self.featured_image_url)
        return {
            "category": str(self.category)[:MAX_LABEL_CHARS] if self.category else None,
            "tags": tuple(str(tag)[:MAX_LABEL_CHARS] for tag in tags if tag)[:MAX_TAGS],
            "featured_image_url": self.featured_image_url if is_url else None,
        }


class PublishInput(BaseModel):
    """The payload of the step."""

    model_config = ConfigDict(hide_input_in_errors=True)

    input: Wanted
    previous: Written


class PublishPerformer:
    """Publishes once, however often it is performed: the content's id follows from the execution's."""

    name: ClassVar[str] = "studio:publish"
    input: ClassVar[type[BaseModel]] = PublishInput

    def perform(self, task: Task, payload: PublishInput) -> Done | Failure | Busy:
        """`content_id`, `slug`, `url` and `title` of the post. Seven calls."""
        approval, written = task.approval, payload.previous
        by = approval.decided_by if approval is not None and approval.decided_by else WORKFLOW
        draft = Draft(
            title=written.title[:MAX_TITLE_CHARS],
            text=written.content,
            excerpt=written.excerpt,
            seo_title=written.seo_title,
            seo_description=written.seo_description,
            **payload.input.labels,
        )
        content_id = contents.create(task.org, draft, content_id=content_id_of(task), by=by).content.id
        contents.approve(task.org, content_id, by, approval.feedback if approval is not None else None)
        post = publication.publish(task.org, content_id)
        return Done({"content_id": post.id, "slug": post.slug, "url": f"/api/posts/{post.slug}", "title": post.title})


def content_id_of(step: Task) -> str:
    """The id of the content that a step publishes."""
    return ids.derived("content", step.org, step.parent or step.id)

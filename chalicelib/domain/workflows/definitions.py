"""The workflows of this version, and the tools that their steps use."""

from typing import NamedTuple

from chalicelib.domain.tasks.pools import MODELS_POOL, STEPS_POOL
from chalicelib.domain.workflows.workflow import Step, Workflow

APPROVAL_SECONDS = 7 * 86_400
"""How long finished content waits for a person's approval."""
TOTAL_SECONDS = 14 * 86_400
"""How long an execution may take, approval included."""

RESEARCH = Step("research", STEPS_POOL, "studio:research", ("studio:research",))
CREATIVE = Step("creative", MODELS_POOL, "studio:creative", ("studio:creative",), timeout_seconds=360, max_attempts=5)
QUALITY = Step("quality_assessment", STEPS_POOL, "studio:qa", ("studio:qa",))
FORMAT = Step("format", STEPS_POOL, "studio:format", ("studio:format",))
PUBLISH = Step(
    "publish",
    STEPS_POOL,
    "studio:publish",
    ("studio:publish",),
    approval_seconds=APPROVAL_SECONDS,
    timeout_seconds=120,
)

CONTENT = Workflow("content_creation", (RESEARCH, CREATIVE, QUALITY, FORMAT, PUBLISH))
"""Content from an idea to a published post; a person approves it before it is published."""
WORKFLOWS: tuple[Workflow, ...] = (
    CONTENT,
    Workflow("analysis", (QUALITY,)),
    Workflow("optimization", (QUALITY, CREATIVE, FORMAT)),
)


class Tool(NamedTuple):
    """What a step of a workflow can do: the names of what it reads and of what it returns."""

    name: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


TOOLS = (
    Tool(
        "research",
        "Collects what sources say about a topic",
        ("topic", "depth", "sources"),
        ("topic", "summary", "key_points", "sources"),
    ),
    Tool("creative", "Has a language model write content", ("topic", "style", "length"), ("title", "content", "model")),
    Tool(
        "quality_assessment",
        "Finds faults of grammar, facts and formatting, and grades the content",
        ("content", "checks"),
        ("quality_score", "issues", "suggestions"),
    ),
    Tool("images", "Has an image model make images", ("prompt", "style", "count"), ("images",)),
    Tool(
        "format",
        "Converts content and makes its excerpt",
        ("content", "format", "style"),
        ("content", "html", "excerpt"),
    ),
    Tool("publish", "Publishes approved content", ("title", "content"), ("content_id", "slug", "url")),
)

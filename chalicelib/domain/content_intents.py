"""What somebody wants to have done with content, read from a short text by rules: a name such as create_blog_post, or a
sentence such as "write a blog post about gardens for beginners in a friendly tone"."""

import re
from collections.abc import Mapping
from typing import NamedTuple


class Intent(NamedTuple):
    """An intent: the workflow that does it, and what the text says besides."""

    name: str
    workflow: str
    parameters: Mapping[str, str] = {}


CONTENT_TYPES = ("blog post", "article", "newsletter", "story", "tutorial", "guide", "landing page", "social post")
INTENTS: Mapping[str, Intent] = {
    intent.name: intent
    for intent in (
        *(
            Intent(f"create_{each.replace(' ', '_')}", "content_creation", {"content_type": each})
            for each in CONTENT_TYPES
        ),
        Intent("create_content", "content_creation"),
        Intent("analyze_content", "analysis"),
        Intent("optimize_content", "optimization"),
    )
}
"""Name -> intent."""

_VERBS = (
    (re.compile(r"\b(?:write|create|generate|draft|compose|produce|make)\b"), "content_creation"),
    (re.compile(r"\b(?:analy[sz]e|review|check|assess|grade)\b"), "analyze_content"),
    (re.compile(r"\b(?:optimi[sz]e|improve|rewrite|polish|revise)\b"), "optimize_content"),
)
_WORKFLOWS = {
    "content creation": "create_content",
    "analysis": "analyze_content",
    "optimization": "optimize_content",
}
_END = r"(?=\s+(?:for|in an?|about|on)\s|\s*[.!?;]|\s*$)"
_DETAILS = {
    "topic": re.compile(rf"\b(?:about|on)\s+(.{{1,500}}?){_END}", re.IGNORECASE),
    "target_audience": re.compile(rf"\bfor\s+(.{{1,200}}?){_END}", re.IGNORECASE),
    "tone": re.compile(r"\bin an?\s+([\w-]{1,50})\s+(?:tone|style|voice)\b", re.IGNORECASE),
}


def understand(text: str) -> Intent | None:
    """The intent of a text, which can be a workflow's name; None where no rule fits."""
    words = re.sub(r"[\s_-]+", " ", text.casefold())
    verb = next((kind for pattern, kind in _VERBS if pattern.search(words)), None)
    name = _creation(words) if verb == "content_creation" else verb or _WORKFLOWS.get(words.strip())
    return with_details(INTENTS[name], text) if name is not None else None


def _creation(words: str) -> str | None:
    named = [(words.find(each), each) for each in CONTENT_TYPES if each in words]
    if named:
        return f"create_{min(named)[1].replace(' ', '_')}"
    return "create_content" if re.search(r"\bcontent\b", words) else None


def with_details(intent: Intent, text: str) -> Intent:
    """The intent with the topic, the audience and the tone that the text names."""
    matches = {name: pattern.search(text) for name, pattern in _DETAILS.items()}
    details = {name: match[1].strip() for name, match in matches.items() if match is not None}
    return intent._replace(parameters={**intent.parameters, **details})

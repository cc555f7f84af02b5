"""The prompts for the model."""

import json
from collections.abc import Mapping
from typing import Any

MAX_CONTEXT_CHARACTERS = 20_000
MAX_TESTS_CHARACTERS = 10_000


def messages(prompt: str, language: str, context: Mapping[str, Any], tests: list[str]) -> list[dict[str, str]]:
    """Build the messages that ask the model for code in the language."""
    system = (
        f"You write {language} code. Answer with one fenced block that holds the complete code. If it can be tested, "
        "add a second fenced block with short tests that call the code by name and do not repeat it."
    )
    return [{"role": "system", "content": system}, {"role": "user", "content": _request(prompt, context, tests)}]


def _request(prompt: str, context: Mapping[str, Any], tests: list[str]) -> str:
    parts = [prompt.strip()]
    rest = {
        name: value for name, value in context.items() if name != "tests" and value not in (None, "", [], {}, "none")
    }
    if rest:
        parts.append(f"Context: {json.dumps(rest, ensure_ascii=False)[:MAX_CONTEXT_CHARACTERS]}")
    if tests:
        shown = "\n\n".join(tests)[:MAX_TESTS_CHARACTERS]
        parts.append(f"The code must pass these tests, which need no answer:\n\n{shown}")
    return "\n\n".join(parts)

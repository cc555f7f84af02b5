"""The names of languages in requests and in the fences of Markdown."""

ALIASES = {
    "code": "",
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "node": "javascript",
    "mjs": "javascript",
    "cjs": "javascript",
    "jsx": "javascript",
    "ts": "typescript",
    "tsx": "typescript",
    "golang": "go",
    "c++": "cpp",
    "c#": "csharp",
    "cs": "csharp",
    "rb": "ruby",
    "rs": "rust",
    "kt": "kotlin",
    "bash": "shell",
    "sh": "shell",
    "zsh": "shell",
}

PARTS = {"typescript": "javascript", "cpp": "c"}
"""A language -> another one whose code is nearly always its code, too."""


def canonical(name: str) -> str:
    """One name for each language: `py` and `Python3` are `python`."""
    lower = name.strip().lower()
    return ALIASES.get(lower, lower)

"""What kind of project a workspace holds: its language, its framework and its dependencies, by its own files."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

MAX_PARSED_BYTES = 300_000
"""Larger files are not read for dependencies."""
MAX_DEPENDENCIES = 200
MAX_LINE_CHARACTERS = 500

LANGUAGES = {
    ".py": "python",
    ".js": "javascript",
    ".jsx": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".tsx": "typescript",
    ".java": "java",
    ".kt": "kotlin",
    ".go": "go",
    ".rs": "rust",
    ".rb": "ruby",
    ".php": "php",
    ".cs": "csharp",
    ".c": "c",
    ".h": "c",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".hpp": "cpp",
    ".swift": "swift",
    ".scala": "scala",
    ".sh": "shell",
    ".html": "html",
    ".css": "css",
    ".sql": "sql",
}
"""Suffix -> language."""
MARKUP = frozenset({"html", "css", "sql", "shell"})
"""Languages that name a project only when it has no other."""
FRAMEWORKS = {
    "fastapi": "FastAPI",
    "django": "Django",
    "flask": "Flask",
    "chalice": "Chalice",
    "starlette": "Starlette",
    "tornado": "Tornado",
    "next": "Next.js",
    "nuxt": "Nuxt",
    "@angular/core": "Angular",
    "svelte": "Svelte",
    "@nestjs/core": "NestJS",
    "react": "React",
    "vue": "Vue",
    "express": "Express",
    "fastify": "Fastify",
    "spring-boot-starter": "Spring Boot",
    "spring-boot-starter-web": "Spring Boot",
    "quarkus-core": "Quarkus",
    "github.com/gin-gonic/gin": "Gin",
    "github.com/labstack/echo/v4": "Echo",
    "github.com/gofiber/fiber/v2": "Fiber",
    "axum": "Axum",
    "actix-web": "Actix Web",
    "rocket": "Rocket",
    "rails": "Rails",
    "sinatra": "Sinatra",
    "laravel/framework": "Laravel",
    "symfony/framework-bundle": "Symfony",
}
"""Dependency -> framework, the more telling one first."""

_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REQUIRED_URL = re.compile(r"(?:(?:-e|--editable)[\s=]+)?([a-z+]+)://[^/\s#?]*/?([^\s#?]*)(\S*)")
"""Scheme, path, and what follows."""
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_ARCHIVE = re.compile(r"(.+?)-\d[^/]*\.(?:whl|zip|tar\.gz)")
# No pattern goes on over line breaks: a file of nothing else would be tried from each line to its end.
_GO_REQUIREMENT = re.compile(r"^[ \t]*(?:require[ \t]+)?([\w.-]+\.[a-z]+/\S+)[ \t]+v\d", re.MULTILINE)
_GEM = re.compile(r"^[ \t]*gem[ \t]+[\"']([\w-]+)[\"']", re.MULTILINE)
_MAVEN = re.compile(r"<dependency>[^<]*(?:<(?!artifactId|/dependency)[^>]*>[^<]*){0,10}<artifactId>\s*([\w.-]+)")
_GRADLE = re.compile(
    r"^[ \t]*(?:implementation|api|compileOnly|runtimeOnly)\b[ \t(]*[\"'][^\"':\n]+:([\w.-]+)", re.MULTILINE
)


class ProjectFacts(NamedTuple):
    """What a workspace holds; None where its files do not tell."""

    language: str | None
    framework: str | None
    dependencies: list[str]


class _Found(NamedTuple):
    """The dependencies of a file, and those that only its development needs."""

    names: list[str]
    development: list[str]


def find_language(sizes: Mapping[str, int]) -> str | None:
    """The language that most bytes of the files, which are path -> size, are written in."""
    counts: Counter[str] = Counter()
    for path, size in sizes.items():
        language = LANGUAGES.get(PurePosixPath(path).suffix.lower())
        if language is not None:
            counts[language] += size + 1
    named = {language: size for language, size in counts.items() if language not in MARKUP} or counts
    return max(sorted(named), key=lambda language: named[language], default=None)


def find_facts(sizes: Mapping[str, int], texts: Mapping[str, str]) -> ProjectFacts:
    """The facts of a project from its files and the texts of those of DEPENDENCY_FILES that it has."""
    found = [_parse(name, texts[name]) for name in DEPENDENCY_FILES if name in texts]
    names = list(dict.fromkeys(name for each in found for name in each.names))
    every = {name.lower() for each in found for name in (*each.names, *each.development)}
    framework = next((title for name, title in FRAMEWORKS.items() if name in every), None)
    return ProjectFacts(find_language(sizes), framework, names[:MAX_DEPENDENCIES])


def _parse(name: str, text: str) -> _Found:
    """What a file says; nothing when it is not what its name says."""
    try:
        return DEPENDENCY_FILES[name](text)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return _Found([], [])


def _python_project(text: str) -> _Found:
    read = tomllib.loads(text)
    listed = _requirements(read.get("project", {}).get("dependencies", []))
    poetry = read.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return _Found([*listed, *(name for name in _keys(poetry) if name != "python")], [])


def _python_requirements(text: str) -> _Found:
    return _Found(_requirements(text.splitlines()), [])


def _requirements(lines: Iterable[Any]) -> list[str]:
    names = (_requirement_name(line.strip()) for line in lines if isinstance(line, str))
    return [name for name in names if name is not None]


def _requirement_name(line: str) -> str | None:
    url = _REQUIRED_URL.match(line[:MAX_LINE_CHARACTERS])
    match = _REQUIREMENT.match(_name_in_url(*url.groups()) if url else line)
    return match[0] if match else None


def _name_in_url(scheme: str, path: str, rest: str) -> str:
    """The project that pip gets from a URL: its egg, else its repository or the beginning of its archive's name; empty
    where the URL does not tell."""
    if egg := _EGG.search(rest):
        return egg[1]
    if "+" in scheme:
        return path.partition("@")[0].rstrip("/").rpartition("/")[2].removesuffix(".git")
    archive = _ARCHIVE.fullmatch(path.rpartition("/")[2])
    return archive[1] if archive else ""


def _node_package(text: str) -> _Found:
    read = json.loads(text)
    return _Found(_keys(read.get("dependencies", {})), _keys(read.get("devDependencies", {})))


def _composer_package(text: str) -> _Found:
    required = _keys(json.loads(text).get("require", {}))
    return _Found([name for name in required if "/" in name], [])


def _keys(table: Mapping[str, Any]) -> list[str]:
    """The names of a table, each as a text that can be sent: JSON can hold lone surrogates."""
    return [name.encode(errors="replace").decode() for name in table.keys()]  # noqa: SIM118 - a list has none


def _cargo_package(text: str) -> _Found:
    return _Found(_keys(tomllib.loads(text).get("dependencies", {})), [])


def _by_pattern(pattern: re.Pattern[str]) -> Callable[[str], _Found]:
    return lambda text: _Found(pattern.findall(_without_long_lines(text)), [])


def _without_long_lines(text: str) -> str:
    """On a long line a pattern would try too many places."""
    return "\n".join(line for line in text.splitlines() if len(line) <= MAX_LINE_CHARACTERS)


DEPENDENCY_FILES: Mapping[str, Callable[[str], _Found]] = {
    "pyproject.toml": _python_project,
    "requirements.txt": _python_requirements,
    "package.json": _node_package,
    "go.mod": _by_pattern(_GO_REQUIREMENT),
    "Cargo.toml": _cargo_package,
    "pom.xml": _by_pattern(_MAVEN),
    "build.gradle": _by_pattern(_GRADLE),
    "Gemfile": _by_pattern(_GEM),
    "composer.json": _composer_package,
}
"""Files of the root that list dependencies, and how they are read."""

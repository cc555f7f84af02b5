"""The kind of project in a workspace."""

import pytest

from chalicelib.domain.workspaces.projects import find_facts, find_language


def test_the_language_of_most_bytes() -> None:
    assert find_language({"a.py": 10, "b.js": 9, "c.JS": 2}) == "javascript"
    assert find_language({"a.html": 1000, "a.css": 500, "b.go": 1}) == "go"
    assert find_language({"a.html": 10, "README.md": 1000}) == "html"
    assert find_language({"README.md": 10}) is None
    assert find_language({}) is None
    assert find_language({"a.py": 0}) == "python"


@pytest.mark.parametrize(
    ("name", "text", "framework", "dependencies"),
    [
        ("requirements.txt", "Flask==3\n# no\n\n-r x\ngunicorn>20; extra\n", "Flask", ["Flask", "gunicorn"]),
        (
            "pyproject.toml",
            '[project]\ndependencies = ["django>=5", "psycopg[binary]"]',
            "Django",
            ["django", "psycopg"],
        ),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^3.11"\nfastapi = "*"', "FastAPI", ["fastapi"]),
        ("package.json", '{"dependencies": {"next": "14", "react": "18"}}', "Next.js", ["next", "react"]),
        ("package.json", '{"devDependencies": {"vue": "3"}}', "Vue", []),
        (
            "go.mod",
            "module x\n\nrequire github.com/gin-gonic/gin v1.9.1\nrequire (\n\tgolang.org/x/text v0.3.0 // i\n)\n",
            "Gin",
            ["github.com/gin-gonic/gin", "golang.org/x/text"],
        ),
        ("Cargo.toml", '[dependencies]\naxum = "0.7"\nserde = {version = "1"}', "Axum", ["axum", "serde"]),
        (
            "pom.xml",
            "<dependency>\n<groupId>g</groupId>\n<artifactId>spring-boot-starter-web</artifactId>\n</dependency>",
            "Spring Boot",
            ["spring-boot-starter-web"],
        ),
        ("build.gradle", "implementation 'io.quarkus:quarkus-core:3'\n", "Quarkus", ["quarkus-core"]),
        ("Gemfile", "source 'x'\ngem 'rails', '~> 7'\n  gem \"pg\"\n", "Rails", ["rails", "pg"]),
        ("composer.json", '{"require": {"php": "8", "laravel/framework": "11"}}', "Laravel", ["laravel/framework"]),
    ],
)
def test_frameworks_and_dependencies(name: str, text: str, framework: str, dependencies: list[str]) -> None:
    facts = find_facts({}, {name: text})
    assert (facts.framework, facts.dependencies) == (framework, dependencies)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("git+https://x/y", "y"),
        ("git+https://github.com/team/app.git@feature/one#subdirectory=src", "app"),
        ("-e git+ssh://git@github.com/team/app.git@v1#egg=the-app[extra]&subdirectory=src", "the-app"),
        ("--editable=hg+http://host/team/app/#subdirectory=a&egg=other", "other"),
        ("app @ git+https://x/y", "app"),
        ("https://host/files/pkg-1.0-py3-none-any.whl#sha256=0", "pkg"),
        ("https://host/a-b-2.tar.gz ; python_version > '3'", "a-b"),
        ("https://github.com/team/app/archive/main.zip", None),
        ("git+https://host/", None),
        ("git+https://host", None),
        ("-e ./local", None),
        ("https://host/" + "-1" * 100_000, None),
    ],
)
def test_a_requirement_by_url_has_the_name_of_its_project(line: str, name: str | None) -> None:
    assert find_facts({}, {"requirements.txt": line}).dependencies == ([name] if name else [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("package.json", "[1]"),
        ("package.json", '{"dependencies": ["react"]}'),
        ("package.json", "[" * 100_000),
        ("package.json", "\ufffd"),
        ("pyproject.toml", "project = 7"),
        ("pyproject.toml", "[project]\ndependencies = 7"),
        ("Cargo.toml", "[[[[["),
        ("composer.json", "null"),
    ],
)
def test_a_file_that_is_not_what_it_is_called_says_nothing(name: str, text: str) -> None:
    assert find_facts({"a.py": 1}, {name: text}) == ("python", None, [])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("go.mod", "a.b/" * 70_000),
        ("go.mod", "\n".join(["a.b/" * 100] * 700)),
        ("pom.xml", "<dependency><x>" * 20_000),
        ("pom.xml", "<dependency>\n" * 20_000),
        ("build.gradle", "implementation '" * 18_000),
        ("Gemfile", " " * 300_000),
    ],
)
def test_no_file_is_parsed_for_ever(name: str, text: str) -> None:
    assert find_facts({}, {name: text}).framework is None


def test_many_dependencies_are_cut() -> None:
    text = "\n".join(f"package{number}" for number in range(500))
    assert len(find_facts({}, {"requirements.txt": text}).dependencies) == 200


@pytest.mark.parametrize("dependencies", ["[1, 2]", "[{a = 1}]", '"django"', "1"])
def test_dependencies_of_another_form_are_none(dependencies: str) -> None:
    text = f"[tool.poetry]\ndependencies = {dependencies}"
    assert find_facts({}, {"pyproject.toml": text}) == (None, None, [])


def test_a_name_that_is_no_text_is_one_in_part() -> None:
    text = '{"dependencies": {"\\ud800x": "1", "vue": "3"}}'
    assert find_facts({}, {"package.json": text}).dependencies == ["?x", "vue"]


@pytest.mark.parametrize("name", ["go.mod", "Gemfile", "build.gradle", "pom.xml", "requirements.txt"])
@pytest.mark.parametrize("line", ["\n", " \n", "api\n", "gem\n", "require\n", "<dependency>\n"])
def test_a_file_of_lines_that_say_nothing_is_read_at_once(name: str, line: str) -> None:
    """A pattern that goes on over line breaks would take an hour for it."""
    assert find_facts({}, {name: line * 100_000}).framework is None

"""No validation error repeats a secret, wherever it is and however it is wrong."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from chalicelib.edge import SECRET, CamelSchema, Schema
from chalicelib.edge.validation_errors import MAX_PROBLEMS, MAX_SHOWN_CHARS, find_problems

HIDDEN = "hunter2-hunter2"
NUMBER = 73512845

Key = Annotated[str, SECRET, StringConstraints(min_length=20, pattern="^[a-z]+$")]


class Inner(CamelSchema):
    pass_phrase: Key
    name: str = ""


class Tree(CamelSchema):
    key: Key | None = None
    children: list["Tree"] = Field(default_factory=list)


class Outer(CamelSchema):
    password: Annotated[str, SECRET] = Field(min_length=20)
    count: int = Field(ge=5)
    inner: Inner | None = None
    several: list[Inner] = Field(default_factory=list)
    named: dict[str, Inner] = Field(default_factory=dict)
    tags: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], Inner] = Field(default_factory=dict)
    headers: Annotated[dict[str, Annotated[str, Field(max_length=3)]], SECRET] = Field(default_factory=dict)
    either: Key | int = 0
    pair: tuple[int, Key] | None = None
    tree: Tree | None = None
    plain: Annotated[str, Field(max_length=3)] = ""


def sentences(body: Any, model: type[BaseModel] = Outer) -> str:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(body)
    return " | ".join(problem.sentence for problem in find_problems(caught.value, model.model_json_schema()))


PLACES: dict[str, Any] = {
    "itself": lambda value: {"password": value},
    "in an object": lambda value: {"inner": {"passPhrase": value}},
    "in a list": lambda value: {"several": [{"passPhrase": "x" * 20}, {"passPhrase": value}]},
    "in a dictionary": lambda value: {"named": {"a": {"passPhrase": value}}},
    "in a dictionary whose keys have a pattern": lambda value: {"tags": {"a": {"passPhrase": value}}},
    "in the place of such a dictionary": lambda value: {"tags": value},
    "in what is secret as a whole": lambda value: {"headers": {"Authorization": value}},
    "in a union": lambda value: {"either": value},
    "in a tuple": lambda value: {"pair": [1, value]},
    "in a model of itself": lambda value: {"tree": {"children": [{"children": [{"key": value}]}]}},
    "in the place of an object that has one": lambda value: {"inner": value},
    "in the place of a list of such": lambda value: {"several": value},
    "among such": lambda value: {"several": [value]},
    "in the place of a dictionary of such": lambda value: {"named": value},
    "in the place of what is secret as a whole": lambda value: {"headers": value},
    "in the place of a model of itself": lambda value: {"tree": value},
    "in the place of everything": lambda value: value,
}
SHAPES: dict[str, Any] = {
    "text": HIDDEN,
    "a number": NUMBER,
    "a fraction": NUMBER + 0.5,
    "in a list": [HIDDEN],
    "in an object": {"x": HIDDEN},
    "in the name of a field": {HIDDEN: 1},
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("place", PLACES)
def test_no_sentence_repeats_a_secret(place: str, shape: str) -> None:
    body = PLACES[place](SHAPES[shape])
    if isinstance(body, dict):
        body = {"count": 1, "plain": "wrong"} | body
    text = sentences(body)
    assert HIDDEN not in text or place == "in the place of a dictionary of such"
    assert str(NUMBER) not in text


def test_what_is_wrong_with_a_secret_is_said_all_the_same() -> None:
    assert (
        sentences({"password": HIDDEN, "count": 5})
        == "password: must be a string of at least 20 characters, got text of 15 characters"
    )
    assert (
        sentences({"password": NUMBER, "count": 5})
        == "password: must be a string of at least 20 characters, got a number"
    )
    assert sentences({"password": True, "count": 5}).endswith("got true or false")
    assert sentences({"password": None, "count": 5}).endswith("got null")
    assert sentences({"password": [1], "count": 5}).endswith("got a list")


def test_what_is_no_secret_is_shown() -> None:
    assert sentences({"password": "x" * 20, "count": 1}) == "count: must be an integer at least 5, got 1"
    assert sentences({"password": "x" * 20, "count": 5, "inner": {"passPhrase": "y" * 20, "name": 7}}).endswith("got 7")


class Labelled(Schema):
    tags: dict[Annotated[str, StringConstraints(pattern="^[a-z]+$")], str]


@pytest.mark.parametrize(("tags", "path"), [({"a": "x", "b": 1}, "tags.b"), ({"B": "x"}, "tags"), ([], "tags")])
def test_a_value_is_named_by_its_key_where_keys_have_a_pattern(tags: Any, path: str) -> None:
    assert sentences({"tags": tags}, Labelled).startswith(f"{path}: ")


class Closed(Schema):
    model_config = ConfigDict(extra="forbid")

    size: int = 1
    colour: str = ""


@pytest.mark.parametrize("name", ["surprise", "x" * 500, "size.x"])
def test_an_unknown_field_of_a_closed_body_is_named_with_the_known_ones_and_its_value_is_not(name: str) -> None:
    sentence = sentences({"size": 1, name: HIDDEN}, Closed)
    assert sentence.endswith(": is not a field of this body, which has size, colour")
    assert sentence.startswith(name[:40])
    assert (HIDDEN in sentence, len(sentence) < 200) == (False, True)


class Note(Schema):
    text: Annotated[str, StringConstraints(min_length=1, pattern=r"\S")]


def test_a_text_of_spaces_is_refused_in_words() -> None:
    assert sentences({"text": "  "}, Note) == (
        'text: must be a string of at least 1 characters, not only spaces, got "  "'
    )


def test_of_very_many_problems_the_first_are_named() -> None:
    """Otherwise a body of 4 MB is answered by more than Lambda sends, after a minute."""
    with pytest.raises(ValidationError) as refused:
        Tree.model_validate({"children": ["x"] * (MAX_PROBLEMS + 1)})
    problems = find_problems(refused.value, Tree.model_json_schema())
    assert [problem.path for problem in problems] == [f"children.{number}" for number in range(MAX_PROBLEMS)]


def test_a_long_name_is_repeated_in_part() -> None:
    """Otherwise a name of megabytes is answered by more than Lambda sends."""

    class Named(Schema):
        figures: dict[str, int]

    with pytest.raises(ValidationError) as refused:
        Named.model_validate({"figures": {"n" * 1_000: "x"}})
    [problem] = find_problems(refused.value, Named.model_json_schema())
    assert problem.path == "figures." + "n" * MAX_SHOWN_CHARS

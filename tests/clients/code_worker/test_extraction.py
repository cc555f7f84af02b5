"""Code is extracted from a model's answer, with the same result however the answer is split."""

from itertools import pairwise

import pytest
from code_worker.extraction import Extractor
from hypothesis import given
from hypothesis import strategies as st

CODE = "def add(a, b):\n    return a + b"
ANSWERS = {
    "a block": f"Here it is:\n\n```python\n{CODE}\n```\nDone.",
    "an alias": f"```py\n{CODE}\n```",
    "a title": f"```python title=add.py\n{CODE}\n```",
    "braces": f"```{{.python}}\n{CODE}\n```",
    "no language": f"```\n{CODE}\n```",
    "tildes": f"~~~python\n{CODE}\n~~~",
    "a longer fence": f"````python\n{CODE}\n````",
    "in a list": "1. This:\n\n   ```python\n   def add(a, b):\n       return a + b\n   ```\n",
    "plain": CODE,
    "plain with a closing fence": f"{CODE}\n```\nThat was it.",
    "plain under a comment": f"# add.py\n\n{CODE}",
    "prose without a fence": f"Sure, here is the function:\n\n{CODE}",
    "a heading and a block": f"# Solution\n\n```python\n{CODE}\n```",
    "a shell block first": f"```bash\npip install x\n```\nthen\n```python\n{CODE}\n```",
    "cut off": f"```python\n{CODE}",
    "blank lines around": f"```python\n\n\n{CODE}\n\n   \n```",
    "carriage returns": f"```python\n{CODE}\n```\n".replace("\n", "\r\n"),
    "thoughts first": f"<think>\nIs ```python\nwrong()\n``` right?\n</think>\n```python\n{CODE}\n```",
    "a thought in a line": f"<think>hm</think>\n{CODE}",
    "a version": f"```text\nno\n```\n```python2\n{CODE}\n```",
    "another version": f"```python3.11\n{CODE}\n```",
    "a file's name": f"```add.py\n{CODE}\n```",
    "no language's name": f"```code\n{CODE}\n```",
}


def extract(text: str, language: str = "python", cuts: tuple[int, ...] = ()) -> tuple[list[str], list[str]]:
    """The pieces of code from an answer that is split at `cuts`, and the model's tests."""
    extractor = Extractor(language)
    places = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    pieces = [extractor.feed(text[start:end]) for start, end in pairwise(places)]
    pieces.append(extractor.end())
    assert "".join(pieces) == extractor.code
    return pieces, extractor.tests


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_code_is_found(answer: str) -> None:
    if "heading" not in answer and answer.startswith("# add.py"):
        assert "".join(extract(answer)[0]) == f"# add.py\n\n{CODE}"
    else:
        assert "".join(extract(answer)[0]) == CODE


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "   \n",
        "I am sorry, I cannot help with that.",
        "```bash\nrm -rf x\n```",
        "```python\n\n```",
        "```cpp\nint add(int a, int b) { return a + b; }\n```",
        "x = 1\n".join(["Call it so:\n", "```javascript\nlet x = 1;\n```\n", ""]),
        "<think>def f(): pass",
    ],
)
def test_an_answer_without_code_gives_none(answer: str) -> None:
    assert extract(answer) == ([""] * len(extract(answer)[0]), [])


def test_code_is_given_out_line_by_line_before_the_answer_ends() -> None:
    extractor = Extractor("python")
    assert extractor.feed("Sure:\n```python\ndef f():\n    ret") == "def f():"
    assert extractor.feed("urn 1\n") == "\n    return 1"
    assert extractor.feed("\n\n") == ""
    assert extractor.feed("x = 1\n```\n") == "\n\n\nx = 1"


def test_plain_code_is_given_out_before_the_answer_ends() -> None:
    assert Extractor("python").feed("import os\nx") == "import os"


def test_later_blocks_that_look_like_tests_are_the_model_s_tests() -> None:
    tests = "assert add(1, 2) == 3"
    use, other = "Use:\n```python\nprint(add(1, 2))\n```\n", "```js\nassert(1)\n```"
    pieces, found = extract(f"```python\n{CODE}\n```\n{use}Tests:\n```python\n{tests}\n```\n{other}")
    assert ("".join(pieces), found) == (CODE, [tests])


def test_a_block_of_the_language_that_was_asked_for_wins_over_an_earlier_one() -> None:
    answer = "```html\n<p>\n```\n```js\nlet x = 1;\n```"
    assert "".join(extract(answer, "javascript")[0]) == "let x = 1;"


@pytest.mark.parametrize(("language", "part"), [("typescript", "js"), ("c++", "c")])
def test_a_part_of_the_language_is_code_where_there_is_no_block_of_the_language_itself(
    language: str, part: str
) -> None:
    answer = f"```{part}\nadd(1, 2);\n```\n"
    assert "".join(extract(answer, language)[0]) == "add(1, 2);"
    assert "".join(extract(f"{answer}```{language}\nadd(3, 4);\n```", language)[0]) == "add(3, 4);"
    assert "".join(extract(f"```{language}\nadd(1, 2);\n```", part)[0]) == "", "the whole is no part of it"


def test_shell_is_code_where_shell_was_asked_for() -> None:
    assert "".join(extract("```sh\nls\n```", "bash")[0]) == "ls"


TEXTS = st.lists(
    st.sampled_from(
        [*CODE.splitlines(True), "```", "```python\n", "~~~\n", "\n", "\r\n", " ", "x = 1\n", "Prose here\n", "# c\n",
         "```bash\n", "   ```py\n", "<think>", "</think>", "assert f()\n", "`", "\r", "é", "\n\n"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@given(TEXTS | st.text(), st.lists(st.integers(0, 500), max_size=20))
def test_any_split_of_an_answer_gives_the_same_code_and_tests(text: str, cuts: list[int]) -> None:
    whole, tests = extract(text)
    pieces, same = extract(text, cuts=tuple(cuts))
    assert ("".join(pieces), same) == ("".join(whole), tests)


@given(TEXTS, st.lists(st.integers(0, 500), max_size=20))
def test_code_begins_and_ends_with_a_line_that_is_not_blank(text: str, cuts: list[int]) -> None:
    code = "".join(extract(text, cuts=tuple(cuts))[0])
    lines = code.split("\n")
    assert code == "" or (lines[0].strip() and lines[-1].strip())


@pytest.mark.parametrize(
    "line",
    ["```" + " " * 100_000 + "`", "a:" + " " * 100_000 + "!", "f()" + " " * 100_000 + "x", "class " + "Test" * 20_000],
)
def test_a_line_of_any_form_is_read_at_once(line: str) -> None:
    """A model writes what it is asked for. While a line is read, the worker answers nobody."""
    assert extract(f"{line}\n```python\n{CODE}\n```\n```\n{line}\n```")[0]

"""The words for the end of a code task."""

from chalicelib.domain.code_answers import code_answer, failure_answer


def test_code_is_a_block_with_what_else_is_known() -> None:
    result = {"code": "x = 1\n", "tests_passed": 1, "tests_total": 2, "note": "Not all was run."}
    said = "```python\nx = 1\n```\n\nTask t1 is completed. 1 of 2 tests passed. Not all was run."
    assert code_answer("t1", "python", result, 1_000) == said


def test_without_code_there_is_no_block() -> None:
    assert code_answer("t1", "go", {"code": "", "tests_total": 0, "note": None}, 1_000) == "Task t1 is completed."


def test_a_fence_is_longer_than_those_within_the_code() -> None:
    assert code_answer("t1", "go", {"code": "a\n````\nb"}, 1_000).startswith("`````go\na\n````\nb\n`````\n")


def test_long_code_is_cut_within_its_block() -> None:
    text = code_answer("t1", "go", {"code": "x" * 5_000}, 1_000)
    assert len(text) == 1_000
    assert text.endswith("x\n... (the code is longer)\n```\n\nTask t1 is completed.")


def test_a_failure_says_why() -> None:
    assert failure_answer("t1", {"message": "no model"}, 100) == "Task t1 failed: no model"
    assert failure_answer("t1", None, 100) == "Task t1 failed: no reason is known"
    assert len(failure_answer("t1", {"message": "x" * 500}, 100)) == 100

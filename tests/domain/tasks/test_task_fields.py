from typing import Any

import pytest

from chalicelib.domain.tasks.task_fields import content_of, derived_fields, task_project
from tests.domain import samples

SHEET: dict[str, Any] = {
    "title": "Login: Überblick",
    "description": "the login form",
    "tags": ["React", "ui"],
    "projectId": "proj_1",
    "dueDate": "2026-02-20T00:00:00Z",
}


def test_what_a_task_says_is_what_it_is_found_by() -> None:
    fields = derived_fields(SHEET, "user_1")
    assert (fields["name"], fields["due_at"], fields["payload"]) == (SHEET["title"], 1_771_545_600_000, SHEET)
    assert fields["terms"] == (
        "project=proj_1", "creator=user_1", "tag=react", "tag=ui",
        "word=login", "word=uberblick", "word=the", "word=form",
    )  # fmt: skip


def test_a_task_that_says_little_has_few_terms() -> None:
    assert derived_fields({"title": "?!"}, None) == {
        "name": "?!",
        "terms": (),
        "due_at": None,
        "payload": {"title": "?!"},
    }


@pytest.mark.parametrize(("terms", "project"), [((), None), (("tag=project=x", "project=proj_1"), "proj_1")])
def test_a_task_s_project_stands_in_its_terms(terms: tuple[str, ...], project: str | None) -> None:
    assert task_project(samples.ready(terms=terms)) == project


def test_a_task_of_another_kind_says_its_name() -> None:
    assert content_of(samples.ready(name="n", payload=[1])) == {"title": "n"}

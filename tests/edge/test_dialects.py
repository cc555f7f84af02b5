"""How each dialect words the errors of the one tree."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib import errors
from chalicelib.edge import CodedErrors, Enveloped, NaiveInstant, Schema, TracedErrors
from chalicelib.errors import NotFound, TooManyRequests, YardmasterError


def family(root: type[YardmasterError] = YardmasterError) -> Iterator[type[YardmasterError]]:
    yield root
    for child in root.__subclasses__():
        yield from family(child)


def coded(error: YardmasterError) -> dict[str, Any]:
    found = json.loads(CodedErrors().error(error, "r"))
    Draft202012Validator(CodedErrors().error_schema()).validate(found)
    return found["error"]


def sample(kind: type[YardmasterError]) -> YardmasterError:
    if kind is NotFound:
        return NotFound("Worker", "w")
    return kind("words", retry_after=12) if kind is TooManyRequests else kind("words")


CODES = {
    "YardmasterError": "INTERNAL_ERROR",
    "InvalidRequest": "INVALID_INPUT",
    "Unauthenticated": "UNAUTHORIZED",
    "Forbidden": "FORBIDDEN",
    "NotFound": "NOT_FOUND",
    "MethodNotAllowed": "METHOD_NOT_ALLOWED",
    "Conflict": "CONFLICT",
    "LeaseLost": "CONFLICT",
    "WorkerOffline": "WORKER_OFFLINE",
    "IdempotencyMismatch": "CONFLICT",
    "TooLarge": "INVALID_INPUT",
    "UnsupportedMediaType": "INVALID_INPUT",
    "TooManyRequests": "RATE_LIMITED",
    "Unavailable": "UNAVAILABLE",
    "QueueFull": "QUEUE_FULL",
    "NotConfigured": "UNAVAILABLE",
}


def test_every_error_of_the_tree_has_its_code() -> None:
    world = {kind for kind in family() if kind.__module__ == errors.__name__}
    assert {kind.__name__: coded(sample(kind))["code"] for kind in world} == CODES


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (errors.InvalidRequest("x", fields={"data.text": "is required"}), {"data.text": "is required"}),
        (errors.InvalidRequest("x", fields={"": "must be an object"}), {"body": "must be an object"}),
        (errors.LeaseLost("x", epoch=3, holder=None), {"epoch": "3"}),
        (errors.TooManyRequests("x", retry_after=12), {"retry_after": "12"}),
        (errors.NotFound("Worker", "w"), {"worker_id": "does not exist"}),
        (errors.NotFound("Path", "/x"), {"path": "does not exist"}),
        (errors.Conflict("x"), {}),
    ],
)
def test_the_details_name_the_field_or_the_facts(error: YardmasterError, details: dict[str, str]) -> None:
    assert coded(error)["details"] == details


def test_a_task_that_is_not_there_has_a_code_of_its_own() -> None:
    assert coded(NotFound("Task", "t")) == {
        "code": "TASK_NOT_FOUND",
        "message": "Task not found: t",
        "details": {"task_id": "does not exist"},
    }


def test_a_traced_error_says_what_and_which_request_it_was() -> None:
    for kind in family():
        error, dialect = sample(kind), TracedErrors()
        found = json.loads(dialect.error(error, "c6af9ac6"))
        Draft202012Validator(dialect.error_schema()).validate(found)
        assert found == {
            "error": kind.code.upper(),
            "message": error.message,
            "status_code": kind.status,
            "request_id": "c6af9ac6",
        }


class Stamped(Schema):
    at: NaiveInstant
    ended: NaiveInstant | None = None


def test_naive_instants_have_microseconds_and_no_zone_and_nulls_are_shown() -> None:
    shown = json.loads(TracedErrors().success(Stamped(at=1_769_493_246_050), "r"))
    assert shown == {"at": "2026-01-27T05:54:06.050000", "ended": None}
    Draft202012Validator(Stamped.model_json_schema(mode="serialization")).validate(shown)


@pytest.mark.parametrize(
    ("field", "what", "sentence"),
    [
        ("title", "is required", "Title is required"),
        ("dueDate", "must be a date", "Due date must be a date"),
        ("agentId", "there is no agent x", "There is no agent x"),
        ("workingHours.timezone", "must be a zone", "Timezone must be a zone"),
        ("permissions.0", "must be one", "Permissions must be one"),
        ("", "must be an object", "The body must be an object"),
    ],
)
def test_enveloped_details_are_sentences(field: str, what: str, sentence: str) -> None:
    said = json.loads(Enveloped().error(errors.InvalidRequest("x", fields={field: what}), "r"))["error"]
    assert (said["code"], said["details"]) == ("VALIDATION_ERROR", {field or "body": [sentence]})

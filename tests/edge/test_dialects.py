"""How each dialect renders the errors of the shared tree."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from chalicelib import errors
from chalicelib.edge import CodedErrors, DetailedErrors, Enveloped, NaiveInstant, Schema, TracedErrors
from chalicelib.errors import NotFound, TooManyRequests, YardmasterError


def error_classes(root: type[YardmasterError] = YardmasterError) -> Iterator[type[YardmasterError]]:
    """The errors of the tree. Which errors of providers are imported depends on the other tests."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from error_classes(child)


def encode(error: YardmasterError) -> dict[str, Any]:
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
    "TimedOut": "UNAVAILABLE",
}


def test_every_error_of_the_tree_has_its_code() -> None:
    assert {kind.__name__: encode(sample(kind))["code"] for kind in error_classes()} == CODES


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
    assert encode(error)["details"] == details


def test_a_task_that_is_not_there_has_a_code_of_its_own() -> None:
    assert encode(NotFound("Task", "t")) == {
        "code": "TASK_NOT_FOUND",
        "message": "Task not found: t",
        "details": {"task_id": "does not exist"},
    }


def test_a_traced_error_says_what_and_which_request_it_was() -> None:
    for kind in error_classes():
        error, dialect = sample(kind), TracedErrors()
        found = json.loads(dialect.error(error, "c6af9ac6"))
        Draft202012Validator(dialect.error_schema()).validate(found)
        assert found == {
            "error": kind.code.upper(),
            "message": error.message,
            "status_code": kind.status,
            "request_id": "c6af9ac6",
        }


@pytest.mark.parametrize("kind", list(error_classes()), ids=lambda kind: kind.__name__)
def test_a_detailed_error_says_what_and_of_which_type_it_is(kind: type[YardmasterError]) -> None:
    error, dialect = sample(kind), DetailedErrors()
    rendered = json.loads(dialect.error(error, "c6af9ac6"))
    Draft202012Validator(dialect.error_schema()).validate(rendered)
    expected_type = "validation_error" if issubclass(kind, errors.InvalidRequest) else kind.code
    assert rendered == {"detail": error.message, "status": kind.status, "type": expected_type, "fields": {}}


def test_a_detailed_error_names_the_fields_at_fault() -> None:
    error = errors.InvalidRequest("x", fields={"topic": "is required", "": "must be an object"})
    rendered = json.loads(DetailedErrors().error(error, "r"))
    assert rendered["fields"] == {"topic": "is required", "body": "must be an object"}


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

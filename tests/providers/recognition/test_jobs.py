"""A job and its answer, sent to another process and back."""

import json
from typing import Any

import pytest

from chalicelib.errors import InvalidRequest, NotFound, TooLarge, Unavailable, YardmasterError
from chalicelib.providers.recognition import images, jobs, sounds
from chalicelib.providers.recognition.jobs import File, Job
from chalicelib.providers.recognition.recognizer import (
    Box,
    Busy,
    Capability,
    Line,
    Match,
    NotInstalled,
    Offset,
    Text,
    Transcript,
    UnknownLabel,
    UnreadableInput,
)
from tests.support.recognition.scripted_recognizer import ScriptedRecognizer

ANSWERS: dict[Capability, Any] = {
    "ocr": Text("A\nB", 0.5, (Line("A", 0.4, 1, 2, 3, 4), Line("B", 0.6, 5, 6, 7, 8)), "s"),
    "offset": Offset(1, 2, 0.3, "s"),
    "transcribe": Transcript("größe", "", 0.1, "en", "s"),
    "detect": (Box("cat", 0.9, 1, 2, 3, 4), Box("cat", 0.8, 5, 6, 7, 8)),
    "classify": (Match(0, 0.9), Match(7, 0.8)),
}


@pytest.fixture
def undecoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are not decoded."""
    for module, name in ((images, "decode"), (images, "decode_with_alpha"), (sounds, "decode")):
        monkeypatch.setattr(module, name, lambda content: content)


def copy_by_json(message: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(message)))


@pytest.mark.parametrize(
    "job",
    [
        Job("ocr", (File("image", b"\n\0\xff"),)),
        Job("detect", (File("image", b"x"),), 'größe "\n'),
        Job("offset", (File("background", b"\n"), File("slider", b"ab\ncd"))),
        Job("classify", tuple(File(f"images.{index}", bytes([index]) * index) for index in range(5)), "cat"),
    ],
)
def test_a_job_arrives_as_it_was(job: Job) -> None:
    assert jobs.unpack_job(jobs.pack_job(job)) == job


@pytest.mark.parametrize(("capability", "answer"), ANSWERS.items())
def test_an_answer_arrives_as_it_was(capability: Capability, answer: Any) -> None:
    assert jobs.unpack_answer(capability, copy_by_json(jobs.pack_answer(answer))) == answer


def test_an_answer_without_any_finding_arrives() -> None:
    for capability in ("detect", "classify"):
        assert jobs.unpack_answer(capability, copy_by_json(jobs.pack_answer(()))) == ()


@pytest.mark.parametrize(
    "error",
    [
        UnreadableInput("image: no", fields={"image": "no"}),
        TooLarge("image: large", fields={"image": "large"}),
        InvalidRequest("wrong"),
        NotInstalled("missing"),
        Busy("busy", retry_after=7),
        Unavailable("later", retry_after=3),
        UnknownLabel("kat", ("bus", "cat"), ("cat",)),
    ],
)
def test_an_error_arrives_as_it_was(error: YardmasterError) -> None:
    with pytest.raises(type(error)) as raised:
        jobs.unpack_answer("ocr", copy_by_json(jobs.pack_refusal(error)))
    assert (raised.value.message, raised.value.fields) == (error.message, error.fields)
    assert getattr(raised.value, "retry_after", None) == getattr(error, "retry_after", None)
    assert getattr(raised.value, "near", None) == getattr(error, "near", None)


def test_an_error_that_cannot_cross_is_a_defect() -> None:
    with pytest.raises(StopIteration):
        jobs.pack_refusal(NotFound("Task", "x"))


def test_each_job_calls_its_method(undecoded: None) -> None:
    scripted = ScriptedRecognizer()
    files = (File("image", b"hello"),)
    assert jobs.perform(Job("ocr", files), scripted).text == "hello"
    assert jobs.perform(Job("transcribe", files), scripted).digits == "7429"
    assert jobs.perform(Job("offset", (File("background", b"ab"), File("slider", b"c"))), scripted).confidence == 0.25
    assert jobs.perform(Job("detect", files, "cat"), scripted) == (Box("cat", 0.8, 1, 2, 3, 4),)


def test_images_are_classified_one_by_one_and_keep_their_places(undecoded: None) -> None:
    files = tuple(File(f"images.{index}", content) for index, content in enumerate((b"other", b"a", b"other", b"b")))
    assert [match.index for match in jobs.perform(Job("classify", files, "cat"), ScriptedRecognizer())] == [1, 3]


@pytest.mark.parametrize("kind", [UnreadableInput, TooLarge])
def test_an_error_about_a_file_names_its_field(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(content: bytes) -> Any:
        raise kind("It is damaged")

    monkeypatch.setattr(images, "decode", refuse)
    with pytest.raises(kind, match=r"^images\.1: It is damaged") as raised:
        jobs.perform(Job("classify", (File("images.1", b""),), "cat"), ScriptedRecognizer())
    assert raised.value.fields == {"images.1": "It is damaged"}

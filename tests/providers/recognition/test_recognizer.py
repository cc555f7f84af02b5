"""The errors of recognition: their texts, and that they can be sent between processes."""

import pickle

from chalicelib.providers.recognition.recognizer import Busy, NotInstalled, UnknownLabel, UnreadableInput


def test_an_unknown_label_names_the_near_ones_first() -> None:
    error = UnknownLabel("trafic light", ["bus", "car", "traffic light"], ["traffic light"])
    assert error.message == (
        '"trafic light" is no known label; did you mean traffic light? Known labels: traffic light, bus, car'
    )
    assert error.status == 400


def test_a_label_like_no_other_gets_the_whole_list() -> None:
    error = UnknownLabel("qzx", ["bus", "car"], [])
    assert error.message == '"qzx" is no known label; no known label is like it. Known labels: bus, car'


def test_a_long_list_of_labels_is_cut() -> None:
    assert UnknownLabel("q", [f"label{i}" for i in range(1_000)], []).message.endswith("label99, and 900 more")


def test_an_error_does_not_repeat_a_whole_long_label() -> None:
    assert len(UnknownLabel("x" * 5_000, ["bus"], []).message) < 250


def test_errors_pass_between_processes() -> None:
    unknown, busy = UnknownLabel("trafic", ["bus"], ["bus"]), Busy("Try again", retry_after=3)
    errors = [unknown, busy, NotInstalled("x"), UnreadableInput("y")]
    passed = [pickle.loads(pickle.dumps(error)) for error in errors]
    assert [(type(each), each.message, vars(each)) for each in passed] == [
        (type(each), each.message, vars(each)) for each in errors
    ]

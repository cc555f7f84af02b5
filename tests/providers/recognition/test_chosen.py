"""A recogniser made of several: each capability uses its own."""

from typing import Any

import pytest

from chalicelib.providers.recognition.chosen import Chosen
from chalicelib.providers.recognition.recognizer import CAPABILITIES, Capability


class Named:
    """Answers every call with its name."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Any:
        return lambda *arguments: (self._name, method, *arguments)


METHODS: dict[Capability, str] = {
    "ocr": "read_text",
    "offset": "find_offset",
    "transcribe": "transcribe",
    "detect": "detect",
    "classify": "classify",
}
ARGUMENTS: dict[Capability, tuple[str, ...]] = {"ocr": ("a",), "transcribe": ("a",)}


@pytest.mark.parametrize("other", CAPABILITIES)
def test_each_capability_goes_to_its_own(other: Capability) -> None:
    chosen: Any = Chosen({other: Named("other")}, Named("usual"))  # type: ignore[arg-type]
    for capability, method in METHODS.items():
        arguments = ARGUMENTS.get(capability, ("a", "b"))
        name = "other" if capability == other else "usual"
        assert getattr(chosen, method)(*arguments) == (name, method, *arguments)
        assert chosen.solver(capability)[0] == name
        if capability in ("detect", "classify"):
            assert chosen.known_labels(capability)[0] == name

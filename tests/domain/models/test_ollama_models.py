"""What Ollama says of its models."""

import pytest

from chalicelib.domain.models.ollama_models import InstalledModel, full_name


@pytest.mark.parametrize(
    ("size", "parameters"),
    [("7.2B", 7_200_000_000), ("137M", 137_000_000), ("22.5K", 22_500), ("", None), ("large", None), ("7B x", None)],
)
def test_a_size_is_a_number_of_parameters(size: str, parameters: int | None) -> None:
    assert InstalledModel("m", size).parameters == parameters


@pytest.mark.parametrize(
    ("level", "quantization"),
    [("Q4_0", "4bit"), ("Q4_K_M", "4bit"), ("F16", "16bit"), ("BF16", "16bit"), ("IQ2_XS", "2bit"), ("odd", "odd")],
)
def test_a_level_is_a_number_of_bits(level: str, quantization: str) -> None:
    assert InstalledModel("m", "", level).quantization == quantization
    assert InstalledModel("m").quantization is None


@pytest.mark.parametrize(
    ("name", "full"),
    [("mistral", "mistral:latest"), ("mistral:7b", "mistral:7b"), ("hub:1/a/b", "hub:1/a/b:latest")],
)
def test_a_name_without_a_tag_means_the_latest(name: str, full: str) -> None:
    assert full_name(name) == full

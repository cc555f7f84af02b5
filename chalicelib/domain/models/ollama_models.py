"""What Ollama says of its models, in plain values (docs.ollama.com/api)."""

import re
from typing import NamedTuple

LATEST = "latest"
_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMBT])", re.IGNORECASE)
_UNITS = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_BITS = re.compile(r"(?:I?Q|B?F|FP|MXFP|NVFP)(\d{1,2})(?:_.*)?", re.IGNORECASE)


class InstalledModel(NamedTuple):
    """A model that Ollama has. Each text is Ollama's own; empty where it says nothing."""

    name: str
    parameter_size: str = ""
    quantization_level: str = ""

    @property
    def parameters(self) -> int | None:
        """How many parameters it has, from a size such as 7.2B; None for any other text."""
        match = _SIZE.fullmatch(self.parameter_size)
        return round(float(match[1]) * _UNITS[match[2].upper()]) if match else None

    @property
    def quantization(self) -> str | None:
        """Its quantization in bits, as 4bit for Q4_K_M; Ollama's word for any other, None where it says none."""
        match = _BITS.fullmatch(self.quantization_level)
        return f"{match[1]}bit" if match else self.quantization_level or None


class LoadedModel(NamedTuple):
    """A model in memory, and how many bytes it takes there."""

    name: str
    size_bytes: int


def full_name(name: str) -> str:
    """The name with its tag, which is `latest` where none is named."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{LATEST}"

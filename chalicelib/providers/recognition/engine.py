"""An engine that a process loads once, on first use, and that one call at a time uses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from chalicelib.config import settings
from chalicelib.providers.recognition import libraries
from chalicelib.providers.recognition.recognizer import NotInstalled

Loaded = TypeVar("Loaded")
THREADS = 1
"""Of each engine. More make one call faster on an idle machine, and spin against each other on a busy one."""


class Engine(Generic[Loaded]):
    """Thread-safe: the first call loads, the others wait for their turn. A load that fails is tried again."""

    def __init__(self, load: Callable[[], Loaded]) -> None:
        self._load = load
        self._loaded: Loaded | None = None
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[Loaded]:
        """The loaded engine, for this call alone."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            yield self._loaded


def onnx_session(name: str) -> Any:
    """A session of a model of the models' folder. Raises NotInstalled where the model is missing."""
    runtime = libraries.load("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = THREADS
    options.enable_cpu_mem_arena = False
    return runtime.InferenceSession(str(model_path(name)), options, providers=["CPUExecutionProvider"])


def model_path(name: str) -> Path:
    """The file of the models' folder: of the setting, or of this repository."""
    folder = settings().recognition_models or Path(__file__).parents[3] / "infra" / "recognition" / "models"
    path = Path(folder) / name
    if not path.is_file():
        raise NotInstalled(f"Recognition needs {name}, which is not in the folder that RECOGNITION_MODELS names")
    return path


@cache
def opencv() -> Any:
    """OpenCV, limited to THREADS."""
    cv2 = libraries.load("cv2")
    cv2.setNumThreads(THREADS)
    return cv2

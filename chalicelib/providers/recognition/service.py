"""The recogniser of this process: one engine, loaded once, with a bounded queue in front of it.

An engine is used only after it has recognised its built-in sample in the process that runs now. That also separates the
time that it takes to load, which depends on the machine, from the time that a caller's file may take.
"""

import signal
import threading
from typing import Protocol

from chalicelib.config import settings
from chalicelib.errors import InvalidRequest, NotConfigured, TooLarge, Unavailable
from chalicelib.observability import logger
from chalicelib.providers import extras
from chalicelib.providers.recognition import samples
from chalicelib.providers.recognition.jobs import Answer, Job
from chalicelib.providers.recognition.process import Died, RecognitionProcess
from chalicelib.providers.recognition.recognizer import Capability, UnreadableInput
from chalicelib.providers.recognition.turns import Turns

FACTORY = "chalicelib.engine.recognition.engines:recognizer"
"""A path: an engine at AWS is called through storage, which providers do not import."""
EMBEDDED = "embedded"
EXTRA = "recognition"
OFF = "off"
LOAD_SECONDS = 60.0
ANSWER_SECONDS = 25.0
"""For an answer, on a machine that does other things, too; what a file may really take is bounded in CPU time."""
BACKGROUND_SECONDS = 50.0
"""For an answer that nobody waits for: more than the CPU time of any file, which ends what takes too long. A task
without an answer is tried again and again."""
CPU_SECONDS: dict[Capability, int] = {"ocr": 20, "offset": 4, "transcribe": 30, "detect": 4, "classify": 3}
CPU_SECONDS_PER_FILE = 1
MAX_DEATHS = 2
"""A job is tried again once when somebody from outside ended its process."""


class Engine(Protocol):
    """What answers jobs. Thread-safe."""

    def run(self, job: Job, org: str | None) -> Answer:
        """The job's answer. `org` takes its turn, or None for work that nobody waits for."""

    def is_ready(self, capability: Capability) -> bool:
        """Whether a capability loads and recognises its sample."""


class EngineInProcess:
    """The engine in a process of its own."""

    def __init__(self, factory: str, extra: str | None = None) -> None:
        """`factory` is the path of the callable that makes the recogniser, `extra` the one that it needs."""
        self._extra = extra
        self._process, self._turns = RecognitionProcess(factory), Turns()
        self._loaded: dict[Capability, bool] = {}

    def run(self, job: Job, org: str | None) -> Answer:
        """Raises what the recogniser raises, UnreadableInput for a file that ends its process, Busy, Unavailable."""
        self._require_extra(job.capability)
        with self._turns.take_in_background() if org is None else self._turns.take(org):
            return self._run_in_turn(job, BACKGROUND_SECONDS if org is None else ANSWER_SECONDS)

    def is_ready(self, capability: Capability) -> bool:
        """Loads the engine, if it is not loaded."""
        try:
            self._require_extra(capability)
        except Unavailable:
            return False
        if self._process.pid is not None and self._loaded.get(capability):
            return True
        with self._turns.take_in_background():
            return self._try_to_load(capability)

    def stop(self) -> None:
        """End the process; the next job starts another."""
        with self._turns.take_in_background():
            self._process.stop()

    def _require_extra(self, capability: Capability) -> None:
        """Raise Unavailable while the extra is being installed, and NotConfigured where it is missing. An engine at AWS
        does not need it."""
        is_embedded = settings().recognition_engines.get(capability, EMBEDDED) == EMBEDDED
        if self._extra is not None and is_embedded:
            extras.require(self._extra)

    def _run_in_turn(self, job: Job, seconds: float) -> Answer:
        for _ in range(MAX_DEATHS):
            try:
                self._require_loaded(job.capability)
                return self._run_loaded(job, seconds)
            except Died as death:
                extra = {"signal": death.signal, "capability": job.capability}
                logger().warning("The recogniser's process ended", extra=extra)
        raise Unavailable("The engine was ended twice while it recognised; try again", retry_after=5)

    def _require_loaded(self, capability: Capability) -> None:
        """Raise Unavailable where the engine cannot read its own sample, which is no fault of a caller's file, or
        Died."""
        try:
            is_right = self._load(capability)
        except (InvalidRequest, TooLarge):
            is_right = False
        if not is_right:
            raise Unavailable("The engine does not recognise its own sample", retry_after=60)

    def _run_loaded(self, job: Job, seconds: float) -> Answer:
        cpu_seconds = CPU_SECONDS[job.capability] + CPU_SECONDS_PER_FILE * len(job.files)
        try:
            return self._process.run(job, cpu_seconds, seconds)
        except Died as death:
            self._require_harmless(death)
            raise

    def _require_harmless(self, death: Died) -> None:
        """Raise UnreadableInput if the job itself ended the process."""
        if death.signal == signal.SIGXCPU:
            raise UnreadableInput("The file takes too long to be recognised") from death
        if death.is_crash:
            raise UnreadableInput("The file cannot be decoded") from death

    def _load(self, capability: Capability) -> bool:
        """Whether the capability's engine is loaded, in the process that runs now."""
        if self._process.start():
            self._loaded.clear()
        if capability not in self._loaded:
            answer = self._process.run(samples.job(capability), 0, LOAD_SECONDS)
            self._loaded[capability] = samples.is_right(answer)
        return self._loaded[capability]

    def _try_to_load(self, capability: Capability) -> bool:
        try:
            return self._load(capability)
        except (Died, InvalidRequest, TooLarge, Unavailable) as error:
            logger().warning("An engine cannot be loaded", extra={"capability": capability, "reason": str(error)})
            return False


_engine: Engine | None = None
_making = threading.Lock()


def use(engine: Engine | None) -> Engine | None:
    """Make `engine` the one of this process; None stands for the configured one. Returns the one before."""
    global _engine
    previous, _engine = _engine, engine
    return previous


def recognize(job: Job, org: str | None) -> Answer:
    """The answer to a job. `org` takes its turn; None is for work that nobody waits for, which waits for its own.

    Raises the errors of `Engine.run`, and NotConfigured where recognition is switched off.
    """
    require_available()
    return _current_engine().run(job, org)


def is_ready(capability: Capability) -> bool:
    """Whether a capability loads and recognises its sample. Loads its engine."""
    try:
        require_available()
    except Unavailable:
        return False
    return _current_engine().is_ready(capability)


def require_available() -> None:
    """Raise NotConfigured or Unavailable where recognition cannot be used now, whatever is asked of it."""
    if settings().recognition == OFF:
        raise NotConfigured("Recognition is switched off: RECOGNITION is off")


def _current_engine() -> Engine:
    global _engine
    with _making:
        if _engine is None:
            _engine = EngineInProcess(FACTORY, EXTRA)
        return _engine

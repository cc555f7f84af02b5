"""Any mixture of chunks, attempts, lost leases and readers that leave and come back: nobody is shown anything wrong."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from chalicelib.domain.chunks.chunk import Chunk, Position
from chalicelib.domain.chunks.output_events import EventKind
from chalicelib.domain.tasks.task import Holder, Status, Task
from chalicelib.domain.tasks.transitions import Failure, Reason
from chalicelib.engine.chunks import chunks, output_stream
from chalicelib.engine.chunks.output_stream import Followed
from chalicelib.engine.tasks import lifecycle
from chalicelib.errors import LeaseLost
from chalicelib.storage.chunks import chunks as storage
from tests.engine.helpers import complete, hand_over_task, holder, pull
from tests.support.world import ORG, World, new_world

SEQS = st.integers(1, 6)


@dataclass
class Reader:
    """A client of the stream, as EventSource is one: it keeps the position of its latest event when it leaves."""

    text: str = ""
    progress: float = 0
    position: Position | None = None
    has_ended: bool = False
    events: Iterator[Followed | None] | None = None

    def read(self, task: Task, most: int) -> None:
        """Take up to `most` events, or until there is nothing new."""
        if self.events is None:
            self.events = output_stream.follow(task, self.position, result_of)
        if self.events is None:
            assert self.has_ended, "only who has everything gets nothing"
            return
        for _ in range(most):
            followed = next(self.events, None)
            if followed is None:
                return
            self._take(followed)

    def _take(self, followed: Followed) -> None:
        event = followed.event
        if event.kind is EventKind.START:
            self.text, self.progress = "", 0
        assert event.kind is not EventKind.CHUNK or event.progress >= self.progress, "progress fell"
        self.position, self.has_ended = event.position, event.kind is EventKind.END
        self.text, self.progress = self.text + event.text, max(self.progress, event.progress)

    def leave(self) -> None:
        self.events = None


def result_of(task: Task) -> str | None:
    return lifecycle.load_result(task) if task.status is Status.COMPLETED else None


@dataclass
class Sent:
    """What was accepted of one lease."""

    holder: Holder
    attempt: int
    chunks: dict[int, str] = field(default_factory=dict)


class Outputs(RuleBasedStateMachine):
    """One task, its attempts, and three readers."""

    world: World
    task_id: str

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.leases: dict[int, Sent] = {}
        self.readers = [Reader() for _ in range(3)]

    @initialize()
    def begin(self) -> None:
        self.world = self.stack.enter_context(new_world())
        pull(self.world, "one")
        pull(self.world, "two")
        self.task_id = hand_over_task(self.world, max_attempts=50).id
        self._note_lease()

    @property
    def task(self) -> Task:
        return lifecycle.get(ORG, self.task_id)

    def _note_lease(self) -> None:
        task = self.task
        if task.is_held:
            self.leases.setdefault(task.epoch, Sent(holder(task), task.attempt))

    @rule(seq=SEQS, text=st.text("ab", max_size=2), progress=st.none() | st.floats(0, 100), data=st.data())
    def send(self, seq: int, text: str, progress: float | None, data: st.DataObject) -> None:
        """A chunk of any lease there ever was: in order or not, once or again, of the present lease or a lost one."""
        epoch = data.draw(st.sampled_from(sorted(self.leases)))
        sent, task = self.leases[epoch], self.task
        names = data.draw(st.sampled_from([{"epoch": epoch}, {"attempt": sent.attempt}]))
        is_current = task.is_held and task.worker_id == sent.holder.worker_id
        is_current = is_current and (task.epoch == epoch if "epoch" in names else task.attempt == sent.attempt)
        try:
            by = Holder(sent.holder.worker_id, **names)
            chunks.append(ORG, task.pool, task.id, by, Chunk(seq, text, progress))
        except LeaseLost:
            assert not is_current
        else:
            assert is_current, "a chunk of a lost lease was accepted"
            self.leases[task.epoch].chunks.setdefault(seq, text)

    @precondition(lambda self: self.task.is_held)
    @rule(counts=st.booleans())
    def lose(self, counts: bool) -> None:
        """The attempt fails, or its lease is given back."""
        task = self.task
        if counts:
            lifecycle.fail(ORG, task.id, holder(task), Failure(Reason.WORKER_FAILED, "no"))
        else:
            lifecycle.release(ORG, task.id, holder(task))

    @precondition(lambda self: not self.task.is_terminal)
    @rule()
    def wait(self) -> None:
        """Time passes; a task that waits is leased again."""
        self.world.advance(400)
        self._note_lease()

    @precondition(lambda self: self.task.is_held)
    @rule(tail=st.text("ab", max_size=2), is_other=st.booleans())
    def finish(self, tail: str, is_other: bool) -> None:
        """The worker reports its result: what it sent, and more; or something else."""
        task = self.task
        sent = self.leases[task.epoch].chunks
        complete(task, tail if is_other else "".join(sent[seq] for seq in sorted(sent)) + tail)

    @precondition(lambda self: not self.task.is_terminal)
    @rule()
    def cancel(self) -> None:
        lifecycle.cancel(ORG, self.task_id)

    @rule(who=st.integers(0, 2), most=st.integers(1, 4))
    def read(self, who: int, most: int) -> None:
        self.readers[who].read(self.task, most)

    @rule(who=st.integers(0, 2))
    def leave(self, who: int) -> None:
        self.readers[who].leave()

    @invariant()
    def stored_is_what_was_accepted(self) -> None:
        for epoch, sent in self.leases.items():
            stored = {chunk.seq: chunk.text for chunk in storage.list_after(self.task_id, epoch, 0)}
            assert stored == sent.chunks, "the chunks of two attempts are mixed, or one is missing"

    @invariant()
    def readers_have_the_beginning_of_one_attempt(self) -> None:
        for reader in self.readers:
            if reader.position is None or reader.has_ended or reader.position.epoch not in self.leases:
                continue
            sent = self.leases[reader.position.epoch].chunks
            whole = "".join(sent[seq] for seq in range(1, len(sent) + 1) if all(n in sent for n in range(1, seq + 1)))
            result = result_of(self.task)
            assert whole.startswith(reader.text) or (result or "").startswith(reader.text)

    def teardown(self) -> None:
        try:
            if hasattr(self, "world"):
                self._end()
        finally:
            self.stack.close()

    def _end(self) -> None:
        """Whatever happened: once the task has ended, every reader has exactly its result."""
        if not self.task.is_terminal:
            self.world.advance(400)
            lifecycle.cancel(ORG, self.task_id)
        result = result_of(self.task)
        for reader in self.readers:
            reader.read(self.task, 10_000)
            reader.leave()
            reader.read(self.task, 10_000)
            assert reader.has_ended
            assert result is None or reader.text == result


TestOutputs = Outputs.TestCase
TestOutputs.settings = settings(
    max_examples=6, stateful_step_count=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
)

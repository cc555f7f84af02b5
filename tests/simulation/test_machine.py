"""The engine as a state machine: hypothesis searches for a short sequence of operations that breaks an invariant."""

from contextlib import ExitStack
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.driver import Simulation
from tests.simulation.faults import Faults, interfering_everywhere
from tests.simulation.invariants import ALWAYS
from tests.simulation.people import without_threads
from tests.simulation.performer import performing
from tests.simulation.weights import WEIGHTS
from tests.support.world import new_world

pytestmark = pytest.mark.long


class Engine(RuleBasedStateMachine):
    """One deployment. Each rule is an operation. Every call may fail, and every function may die."""

    @initialize(seed=st.integers(0, 2**16))
    def start(self, seed: int) -> None:
        self._context = ExitStack()
        self.world = self._context.enter_context(new_world(seed))
        self._context.enter_context(performing())
        self._context.enter_context(without_threads())
        self.simulation = Simulation(self.world, seed, Faults(Random(seed)))
        self.simulation.begin()
        self._interference = interfering_everywhere(self.world, self.simulation.faults)
        self._interference.__enter__()

    @rule(priority=st.integers(0, 9), delay=st.sampled_from([None, 5, 1200]), key=st.sampled_from([None, None, "k"]))
    def submit(self, priority: int, delay: int | None, key: str | None) -> None:
        self.simulation.submit(priority, delay, key)

    @rule(chance=st.sampled_from([0.0, 0.0, 0.05, 0.2]))
    def change_fault_chances(self, chance: float) -> None:
        faults = self.simulation.faults
        faults.fail = faults.unknown = faults.repeat = faults.kill = faults.gone = chance
        queues = self.world.queues.faults
        queues.duplicate = queues.drop = queues.delay = chance

    @rule(steps=st.integers(1, 6))
    def world(self, steps: int) -> None:
        for _ in range(steps):
            self.simulation.step()

    @rule()
    def report(self) -> None:
        self.simulation.report()

    @rule()
    def heartbeat(self) -> None:
        self.simulation.heartbeat()

    @rule()
    def cancel(self) -> None:
        self.simulation.cancel()

    @rule()
    def replay(self) -> None:
        self.simulation.replay()

    @rule()
    def partition_or_heal(self) -> None:
        self.simulation.partition()

    @rule()
    def maintain(self) -> None:
        self.simulation.maintain()

    @rule()
    def register(self) -> None:
        self.simulation.register()

    @rule()
    def unregister(self) -> None:
        self.simulation.unregister()

    @rule()
    def redeliver(self) -> None:
        self.simulation.redeliver()

    @rule(what=st.sampled_from([name for name in WEIGHTS if "." in name]))
    def somebody_acts(self, what: str) -> None:
        self.simulation.act(what)

    @rule(seconds=st.sampled_from([1, 7, 61, 130]))
    def wait(self, seconds: int) -> None:
        self.simulation.wait(seconds)

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            for promise in ALWAYS:
                promise(self.world)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._interference.__exit__(None, None, None)
        try:
            self.simulation.drain()
        finally:
            self._context.close()


Engine.TestCase.settings = settings(
    max_examples=6,
    stateful_step_count=25,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestEngine = Engine.TestCase

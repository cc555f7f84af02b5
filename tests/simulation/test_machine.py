"""The engine as a state machine: hypothesis looks for a short story that breaks a promise."""

from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.simulation.driver import Simulation
from tests.simulation.faults import Faults
from tests.simulation.invariants import ALWAYS
from tests.support import aws
from tests.support.world import world


class Engine(RuleBasedStateMachine):
    """One deployment, driven by rules; every call may fail, and every function may die."""

    @initialize(seed=st.integers(0, 2**16))
    def start(self, seed: int) -> None:
        self._context = world(seed)
        self.world = self._context.__enter__()
        self.simulation = Simulation(self.world, seed, Faults(Random(seed)))
        self.simulation.register()
        self._luck = aws.interfering(self.simulation.faults)
        self._luck.__enter__()

    @rule(priority=st.integers(0, 9), delay=st.sampled_from([None, 5, 1200]), key=st.sampled_from([None, None, "k"]))
    def submit(self, priority: int, delay: int | None, key: str | None) -> None:
        self.simulation.submit(priority, delay, key)

    @rule(chance=st.sampled_from([0.0, 0.0, 0.05, 0.2]))
    def change_luck(self, chance: float) -> None:
        faults = self.simulation.faults
        faults.fail = faults.unknown = faults.repeat = faults.kill = chance
        queues = self.world.queues.faults
        queues.duplicate = queues.drop = queues.delay = chance

    @rule(steps=st.integers(1, 6))
    def house(self, steps: int) -> None:
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

    @rule(seconds=st.sampled_from([1, 7, 61, 130]))
    def wait(self, seconds: int) -> None:
        self.simulation.wait(seconds)

    @invariant()
    def promises_hold(self) -> None:
        if hasattr(self, "world"):
            luck = self._calm()
            for promise in ALWAYS:
                promise(self.world)
            vars(self.simulation.faults).update(luck)

    def _calm(self) -> dict[str, Any]:
        """Looking is not part of the story: nothing fails meanwhile."""
        luck = {name: getattr(self.simulation.faults, name) for name in ("fail", "unknown", "repeat", "kill")}
        vars(self.simulation.faults).update(dict.fromkeys(luck, 0.0))
        return luck

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        self._luck.__exit__(None, None, None)
        try:
            self.simulation.drain()
        finally:
            self._context.__exit__(None, None, None)


Engine.TestCase.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
TestEngine = Engine.TestCase

"""Conversations as a state machine: calls fail, are applied without an answer or twice, and callers die. The counters
stay exact, and each accepted message is stored exactly once."""

from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from chalicelib.domain.conversations.conversation import Filter, Role, Status
from chalicelib.engine.conversations import conversations, messages
from chalicelib.engine.conversations.conversations import Change, Draft
from chalicelib.errors import Conflict, NotFound, Unavailable
from tests.engine.conversations.helpers import POOL, contents, list_ids, require_exact_counters, stored_conversations
from tests.engine.helpers import run_together
from tests.simulation.faults import Faults, Killed
from tests.support import aws
from tests.support.aws import Call, Interference
from tests.support.world import ORG, new_world

USERS = ("ann", "bob")


class Talks(RuleBasedStateMachine):
    """A deployment whose callers create, change and delete conversations, and add messages."""

    @initialize(seed=st.integers(0, 2**16))
    def start(self, seed: int) -> None:
        self._context = ExitStack()
        self.world = self._context.enter_context(new_world(seed))
        self.faults = Faults(Random(seed))
        self._context.enter_context(aws.interfering(self.faults))
        self.random = Random(seed)
        self.said: dict[str, list[str]] = defaultdict(list)
        """Conversation -> its accepted messages."""
        self.deleted: set[str] = set()
        self.number = 0
        self.create("ann", None)

    @rule(chance=st.sampled_from([0.0, 0.0, 0.05, 0.2]))
    def change_fault_chances(self, chance: float) -> None:
        self.faults.fail = self.faults.unknown = self.faults.repeat = self.faults.kill = chance

    @rule(user=st.sampled_from(USERS), key=st.sampled_from([None, "chat"]))
    def create(self, user: str, key: str | None) -> None:
        made = self._try(lambda: conversations.create(ORG, POOL, Draft(user, "t"), key))
        if made is not None:
            self.said[made.conversation.id]

    @rule(role=st.sampled_from([*Role]), threads=st.integers(1, 3))
    def talk(self, role: Role, threads: int) -> None:
        """Several callers add messages at once; some of them send theirs twice."""
        identifier = self._choose_conversation()
        numbers = range(self.number, self.number + threads)
        self.number += threads
        run_together([lambda number=number: self._say(identifier, role, str(number)) for number in numbers])

    def _say(self, identifier: str, role: Role, words: str) -> None:
        for _ in range(self.random.choice([1, 2])):
            if self._try(lambda: messages.add(ORG, POOL, identifier, role, words, key=words)) is not None:
                self.said[identifier] += [words] if words not in self.said[identifier] else []

    @rule(role=st.sampled_from([*Role]), status=st.sampled_from([None, *Status]))
    def talk_while_another_writes(self, role: Role, status: Status | None) -> None:
        """Between a caller's read and its write another caller adds a message or changes the conversation."""
        identifier, words, others = self._choose_conversation(), str(self.number), str(self.number + 1)
        self.number += 2
        with aws.interfering(_before_first_transaction(lambda: self._write(identifier, status, others))):
            self._say(identifier, role, words)

    def _write(self, identifier: str, status: Status | None, words: str) -> None:
        if status is None:
            self._say(identifier, Role.USER, words)
        else:
            self._try(lambda: conversations.update(ORG, POOL, identifier, Change(status=status)))

    @rule(status=st.sampled_from([*Status]))
    def change(self, status: Status) -> None:
        identifier = self._choose_conversation()
        self._try(lambda: conversations.update(ORG, POOL, identifier, Change(status=status)))

    @rule()
    def delete(self) -> None:
        identifier = self._choose_conversation()
        self._try(lambda: conversations.delete(ORG, POOL, identifier))
        with aws.without_interference():
            if identifier not in {one.id for one in stored_conversations()}:
                self.deleted.add(identifier)

    @rule()
    def settle(self) -> None:
        with aws.without_interference():
            self.world.settle()

    def _choose_conversation(self) -> str:
        return self.random.choice(sorted(self.said))

    def _try(self, use: Callable[[], Any]) -> Any:
        """Run an action. Returns its answer; None for an error or a death."""
        try:
            return use()
        except (Unavailable, Conflict, NotFound, Killed):
            return None

    @invariant()
    def counters_are_exact(self) -> None:
        if hasattr(self, "world"):
            with aws.without_interference():
                require_exact_counters()

    @invariant()
    def what_was_accepted_is_there_once(self) -> None:
        if not hasattr(self, "world"):
            return
        with aws.without_interference():
            for conversation in stored_conversations():
                words = contents(conversation)
                assert len(words) == len(set(words))
                assert {*self.said[conversation.id]} <= {*words}
            assert {conversation.id for conversation in stored_conversations()} == {*list_ids()}
            assert {*self.said} - self.deleted <= {*list_ids()}
            by_user = [identifier for user in USERS for identifier in list_ids(Filter(user))]
            by_status = [identifier for status in Status for identifier in list_ids(Filter(None, status))]
            assert sorted(by_user) == sorted(by_status) == sorted(list_ids())

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            with aws.without_interference():
                self.world.settle()
                self.world.advance(180)
                self._require_nothing_left_of_the_deleted()
        finally:
            self._context.close()

    def _require_nothing_left_of_the_deleted(self) -> None:
        there = {one.id for one in stored_conversations()}
        model = aws.items(conversations.storage.ConversationsTable)
        partitions = {item.partition for item in model if item.rank[0] in "cmrk" and not item.rank.startswith("conv_")}
        assert {name.rpartition("#")[2] for name in partitions} <= there


def _before_first_transaction(act: Callable[[], object]) -> Interference:
    """Run an action once, before the first transaction."""
    waiting = [act]

    def before(call: Call, send: Callable[[], Any]) -> Any:
        if call[1] == "TransactWriteItems" and waiting:
            waiting.pop()()
        return send()

    return before


Talks.TestCase.settings = settings(
    max_examples=8, stateful_step_count=12, derandomize=True, suppress_health_check=list(HealthCheck)
)
TestTalks = Talks.TestCase

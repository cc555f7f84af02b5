"""The words on the queues."""

import pytest

from chalicelib.config import settings
from chalicelib.domain.effects import Nudge
from chalicelib.engine import messages
from tests.support.world import World


@pytest.mark.parametrize("org", ["acme", "Café Ω", "two words", "x" * 200])
def test_every_org_has_a_group_of_its_own_that_sqs_takes(house: World, org: str) -> None:
    for name in (org, f"{org}2"):
        messages.nudge([Nudge(org=name, pool="p")], "once")
        messages.catch_up(name, f"c{name}")
    for queue in (settings().dispatch_queue, settings().live_queue):
        groups = [held.group for held in house.queues.queues[queue]]
        assert len(set(groups)) == 2
        for group in groups:
            assert group is not None and len(group) <= 128
            assert all("!" <= letter <= "~" for letter in group)


def test_a_name_that_sqs_takes_is_the_group(house: World) -> None:
    messages.nudge([Nudge(org="acme", pool="p")], "once")
    assert [held.group for held in house.queues.queues[settings().dispatch_queue]] == ["acme#p"]

"""Deliveries that are requested again, and their lists."""

from dataclasses import replace

import pytest

from chalicelib import clock
from chalicelib.config import settings
from chalicelib.engine.deliveries import due_deliveries
from chalicelib.engine.documents.background_jobs import Job
from chalicelib.engine.webhooks import endpoints, redelivery
from chalicelib.errors import Conflict, NotFound
from chalicelib.providers.http.outbound import Response
from chalicelib.storage.deliveries import deliveries as storage
from tests.engine.receivers import Receiver, fact, happen, receiver
from tests.support import aws
from tests.support.world import ORG, World, answer


def fail_events(world: World, webhook: Receiver, *numbers: int) -> None:
    """Let the deliveries of these events fail, because the webhook is switched off; then a minute passes."""
    happen(*(fact(number) for number in numbers))
    endpoints.update(ORG, webhook.webhook.id, {"active": False}, by="dev")
    world.settle()
    endpoints.update(ORG, webhook.webhook.id, {"active": True}, by="dev")
    world.clock.advance(60)


def test_a_test_is_posted_once_at_once_and_answered_with_what_became_of_it(world: World) -> None:
    webhook = receiver(world, active=False)
    assert redelivery.send_test(ORG, webhook.webhook.id).status == "delivered"
    assert webhook.body["event"] == "webhook.test"
    webhook.reply = answer(500)
    found = redelivery.send_test(ORG, webhook.webhook.id)
    assert (found.status, [attempt.status for attempt in found.attempts]) == ("failed", [500])
    world.advance(600)
    assert len(webhook.posts) == 2


def test_what_was_given_up_is_sent_again_under_the_same_id(world: World) -> None:
    webhook = receiver(world)
    fail_events(world, webhook, 1)
    found = webhook.delivery
    assert (found.status, found.reason, found.tries) == ("failed", "the webhook is not active", 0)
    redelivery.resend(ORG, webhook.webhook.id, found.id)
    world.settle()
    assert (webhook.delivery.status, webhook.events) == ("delivered", ["evt_task_1_1"])


def test_what_arrived_can_be_sent_again(world: World) -> None:
    webhook = receiver(world)
    happen(fact())
    world.settle()
    redelivery.resend(ORG, webhook.webhook.id, webhook.delivery.id)
    world.settle()
    assert webhook.events == ["evt_task_1_1"] * 2
    assert webhook.posts[0][1] == webhook.posts[1][1]
    assert len(webhook.delivery.attempts) == 2


def test_a_recovery_takes_what_was_given_up_since_then_and_nothing_else(world: World) -> None:
    webhook = receiver(world)
    fail_events(world, webhook, 1)
    since = world.clock.now()
    fail_events(world, webhook, 2, 3)
    assert redelivery.recover(ORG, webhook.webhook.id, since) == (2, False)
    world.settle()
    assert sorted(webhook.events) == ["evt_task_2_1", "evt_task_3_1"]
    assert [found.event_id for found in redelivery.list_deliveries(ORG, webhook.webhook.id, "failed")] == [
        "evt_task_1_1"
    ]
    assert redelivery.recover(ORG, webhook.webhook.id, since) == (0, False)


def test_a_large_recovery_goes_on_in_the_background(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "RECOVERY_BATCH", 2)
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2, 3, 4, 5)
    assert redelivery.recover(ORG, webhook.webhook.id, 0) == (2, True)
    world.settle()
    assert len(set(webhook.events)) == 5
    assert {found.status for found in webhook.deliveries} == {"delivered"}


def test_a_large_recovery_goes_on_also_when_an_answer_was_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "RECOVERY_BATCH", 2)
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2, 3)
    with aws.interfering(aws.send_again):
        assert redelivery.recover(ORG, webhook.webhook.id, 0) == (2, True)
    world.settle()
    assert {found.status for found in webhook.deliveries} == {"delivered"}


def test_a_recovery_ends_when_the_webhook_is_gone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "RECOVERY_BATCH", 1)
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2)
    redelivery.recover(ORG, webhook.webhook.id, 0)
    endpoints.delete(ORG, webhook.webhook.id)
    world.settle()
    world.advance(120)
    assert webhook.posts == []


def test_nothing_is_sent_again_to_a_webhook_out_of_service_or_unknown(world: World) -> None:
    webhook = receiver(world)
    fail_events(world, webhook, 1)
    delivery = webhook.delivery
    endpoints.update(ORG, webhook.webhook.id, {"active": False}, by="dev")
    with pytest.raises(Conflict, match="switch it on"):
        redelivery.resend(ORG, webhook.webhook.id, delivery.id)
    with pytest.raises(Conflict):
        redelivery.recover(ORG, webhook.webhook.id, 0)
    for ask in (redelivery.list_deliveries, redelivery.recover):
        with pytest.raises(NotFound):
            ask("rival", webhook.webhook.id, 0)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="Webhook"):
        redelivery.get_delivery("rival", webhook.webhook.id, delivery.id)


def test_lists_are_newest_first_and_of_a_status(world: World) -> None:
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2)
    happen(fact(3))
    world.settle()

    def list_ids(status: str | None) -> list[str]:
        return [found.event_id[4:10] for found in redelivery.list_deliveries(ORG, webhook.webhook.id, status)]  # type: ignore[arg-type]

    assert list_ids(None) == ["task_3", "task_2", "task_1"]
    assert (list_ids("failed"), list_ids("delivered"), list_ids("pending")) == (["task_2", "task_1"], ["task_3"], [])


def test_the_sweep_sends_messages_for_late_deliveries_once_in_a_while(world: World) -> None:
    webhook = receiver(world)
    happen(fact())
    queue = world.queues.queues[settings().webhooks_queue]
    for minutes in range(6):
        world.advance(60, settle=False)
        assert len(queue) <= 2 + minutes // 2
    world.settle()
    assert len(webhook.posts) == 1


def test_an_event_that_is_no_longer_kept_is_not_sent(world: World) -> None:
    webhook = receiver(world)
    happen(fact())
    world.settle()
    found = webhook.delivery
    storage.DeliveryItem(f"{ORG}#events", found.event_id).delete()
    redelivery.resend(ORG, webhook.webhook.id, found.id)
    world.settle()
    assert (webhook.delivery.status, webhook.delivery.reason) == ("failed", "the event is no longer kept")


@pytest.mark.parametrize(("status", "outcome"), [(500, "pending"), (200, "delivered")])
def test_what_somebody_else_wrote_meanwhile_stands_unless_it_arrived(world: World, status: int, outcome: str) -> None:
    webhook = receiver(world)
    happen(fact())
    delivery = webhook.delivery
    changed = replace(delivery, version=2, tries=1, wake_at=world.clock.now() + clock.HOUR)

    def change_meanwhile(*_: object) -> Response:
        assert storage.replace_if_unchanged(delivery, changed) == changed
        return answer(status)

    webhook.reply = change_meanwhile
    world.settle()
    assert webhook.delivery.status == outcome
    assert (webhook.delivery == changed) == (status == 500)


def test_a_recovery_ends_when_the_webhook_is_out_of_service(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "RECOVERY_BATCH", 1)
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2)
    endpoints.update(ORG, webhook.webhook.id, {"active": False}, by="dev")
    assert redelivery.run_recovery_step(Job(ORG, redelivery.RECOVERY, webhook.webhook.id, {"since": 0}))
    assert webhook.posts == []


def test_a_recovery_leaves_what_is_on_its_way_already(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    webhook = receiver(world)
    fail_events(world, webhook, 1)
    stale = storage.list_failed_ids(ORG, webhook.webhook.id, limit=9)
    redelivery.recover(ORG, webhook.webhook.id, 0)
    waiting = webhook.delivery
    monkeypatch.setattr(storage, "list_failed_ids", lambda *_, **__: stale)
    assert redelivery.recover(ORG, webhook.webhook.id, 0) == (0, False)
    assert webhook.delivery == waiting


def test_a_wakeup_that_comes_before_its_time_sends_nothing(world: World) -> None:
    webhook = receiver(world)
    webhook.reply = answer(500)
    happen(fact())
    world.settle()
    due_deliveries.enqueue_if_due(ORG, webhook.webhook.id, webhook.delivery.id)
    world.settle()
    assert len(webhook.posts) == 1


def test_a_recovery_passes_over_what_is_no_longer_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redelivery, "RECOVERY_BATCH", 1)
    webhook = receiver(world)
    fail_events(world, webhook, 1, 2)
    world.clock.advance(30 * 86_400)
    fail_events(world, webhook, 3)
    assert redelivery.recover(ORG, webhook.webhook.id, 0) == (1, True)
    world.settle()
    assert webhook.events == ["evt_task_3_1"]


@pytest.mark.parametrize("status", [410, 500])
def test_a_webhook_is_not_disabled_for_what_its_url_before_did(world: World, status: int) -> None:
    webhook = receiver(world)

    def move_webhook(*_: object) -> Response:
        endpoints.update(ORG, webhook.webhook.id, {"url": "https://two.example/hook"}, by="dev")
        return answer(status)

    webhook.reply = answer(500)
    happen(fact())
    world.settle()
    world.clock.advance(6 * 86_400)
    webhook.reply = move_webhook
    happen(fact(2))
    world.settle()
    assert len(webhook.posts) > 1
    assert endpoints.get(ORG, webhook.webhook.id).body["active"]

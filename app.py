"""What Lambda enters. `BUNDLE` says which bundle this deployment's functions are: an API's name, `live` or `engine`.

The handlers stand here as plain named functions because Chalice deploys a handler under the module it is
defined in, and Lambda imports that module alone (aws/chalice#1566).
"""

import gc
import importlib
import os
from typing import Any

# Nothing of what an import makes is garbage, and no plugin of pydantic's is wanted: looking for either is a tenth of
# a cold start.
gc.disable()
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

from chalice.app import Chalice, Cron, Rate

from chalicelib.config import settings

BUNDLE = os.environ.get("BUNDLE", "processing")
settings()  # a deployment with development secrets must not start


def _http(bundle: str) -> Chalice:
    from chalicelib.edge import mount

    return mount(importlib.import_module(f"chalicelib.apis.{bundle}").api)


EVENTS = ("engine", "live")
"""The bundles without HTTP."""

app = Chalice(app_name=f"yardmaster-{BUNDLE}") if BUNDLE in EVENTS else _http(BUNDLE)

if BUNDLE == "live":
    from chalicelib.apis.websockets import switchboard

    # Chalice packages no WebSockets otherwise.
    app.experimental_feature_flags.add("WEBSOCKETS")

    @app.on_ws_connect()
    def connect(event: Any) -> Any:
        return switchboard.connected(event.to_dict())

    @app.on_ws_message()
    def message(event: Any) -> Any:
        return switchboard.heard(event.to_dict())

    @app.on_ws_disconnect()
    def disconnect(event: Any) -> Any:
        return switchboard.closed(event.to_dict())


if BUNDLE == "engine":
    from chalicelib.functions import queues, schedules, streams

    @app.on_dynamodb_record(stream_arn="tasks", batch_size=100)
    def relay_tasks(event: Any) -> Any:
        return streams.relayed(event.to_dict(), "tasks")

    @app.on_dynamodb_record(stream_arn="workers", batch_size=100)
    def relay_workers(event: Any) -> Any:
        return streams.relayed(event.to_dict(), "workers")

    @app.on_dynamodb_record(stream_arn="documents", batch_size=100)
    def relay_documents(event: Any) -> Any:
        return streams.relayed(event.to_dict(), "documents")

    @app.on_sqs_message(queue="dispatch.fifo", batch_size=10)
    def dispatch(event: Any) -> Any:
        return queues.dispatched(event.to_dict())

    @app.on_sqs_message(queue="deliver", batch_size=10)
    def deliver(event: Any) -> Any:
        return queues.delivered(event.to_dict())

    @app.on_sqs_message(queue="perform", batch_size=10)
    def perform(event: Any) -> Any:
        return queues.performed(event.to_dict())

    @app.on_sqs_message(queue="live.fifo", batch_size=10)
    def live(event: Any) -> Any:
        # Only this function speaks for the APIs: the others do not wait for their import.
        from chalicelib.apis.task_feed_frames import voices

        return queues.told(event.to_dict(), voices)

    @app.on_sqs_message(queue="announce.fifo", batch_size=10)
    def announce(event: Any) -> Any:
        from chalicelib.apis.event_payloads import admits, heralds

        return queues.announced(event.to_dict(), heralds, admits)

    @app.on_sqs_message(queue="webhooks.fifo", batch_size=1)
    def webhooks(event: Any) -> Any:
        return queues.posted(event.to_dict())

    @app.on_sqs_message(queue="notifications.fifo", batch_size=1)
    def notifications(event: Any) -> Any:
        return queues.notified(event.to_dict())

    @app.on_sqs_message(queue="wakeups", batch_size=10)
    def wakeups(event: Any) -> Any:
        return queues.woken(event.to_dict())

    @app.on_sqs_message(queue="sweeps", batch_size=1)
    def sweep(event: Any) -> Any:
        return queues.swept(event.to_dict())

    @app.schedule(Rate(1, unit=Rate.MINUTES))
    def wake(event: Any) -> Any:
        return schedules.swept()

    @app.schedule(Rate(5, unit=Rate.MINUTES))
    def gauges(event: Any) -> Any:
        return schedules.gauged()

    @app.schedule(Cron(2, "*", "*", "*", "?", "*"))
    def rollup_hourly(event: Any) -> Any:
        return schedules.hour_closed()

    @app.schedule(Cron(10, 0, "*", "*", "?", "*"))
    def rollup_daily(event: Any) -> Any:
        return schedules.day_closed()

    @app.schedule(Cron(30, 3, "*", "*", "?", "*"))
    def tidy(event: Any) -> Any:
        return schedules.tidied()


gc.freeze()
gc.enable()

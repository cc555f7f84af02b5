"""The entry points of the Lambda functions. `BUNDLE` names the bundle of this deployment: an API, `live` or `engine`.

The handlers are plain functions in this module because Chalice deploys a handler under the module it is
defined in, and Lambda imports that module alone (aws/chalice#1566).
"""

import gc
import importlib
import os
from typing import Any

# Imports leave no garbage, and no pydantic plugin is used: looking for either takes a tenth of a cold start.
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

if BUNDLE == "recognition":

    @app.on_sqs_message(queue="recognize", batch_size=1)
    def recognize(event: Any) -> Any:
        # Imported here: the API of this bundle does not wait for the import.
        from chalicelib.functions import queues

        return queues.handle_recognition_handovers(event.to_dict())


if BUNDLE == "live":
    from chalicelib.apis.websockets import router

    # Chalice packages no WebSockets otherwise.
    app.experimental_feature_flags.add("WEBSOCKETS")

    @app.on_ws_connect()
    def connect(event: Any) -> Any:
        return router.handle_connect(event.to_dict())

    @app.on_ws_message()
    def message(event: Any) -> Any:
        return router.handle_message(event.to_dict())

    @app.on_ws_disconnect()
    def disconnect(event: Any) -> Any:
        return router.handle_disconnect(event.to_dict())


if BUNDLE == "engine":
    from chalicelib.functions import queues, schedules, streams

    @app.on_dynamodb_record(stream_arn="tasks", batch_size=100)
    def relay_tasks(event: Any) -> Any:
        return streams.handle_changes(event.to_dict(), "tasks")

    @app.on_dynamodb_record(stream_arn="workers", batch_size=100)
    def relay_workers(event: Any) -> Any:
        return streams.handle_changes(event.to_dict(), "workers")

    @app.on_dynamodb_record(stream_arn="documents", batch_size=100)
    def relay_documents(event: Any) -> Any:
        return streams.handle_changes(event.to_dict(), "documents")

    @app.on_sqs_message(queue="dispatch.fifo", batch_size=10)
    def dispatch(event: Any) -> Any:
        return queues.handle_dispatch(event.to_dict())

    @app.on_sqs_message(queue="deliver", batch_size=10)
    def deliver(event: Any) -> Any:
        return queues.handle_handovers(event.to_dict())

    @app.on_sqs_message(queue="perform", batch_size=10)
    def perform(event: Any) -> Any:
        return queues.handle_builtin_handovers(event.to_dict())

    @app.on_sqs_message(queue="models", batch_size=1)
    def models(event: Any) -> Any:
        return queues.handle_model_calls(event.to_dict())

    @app.on_sqs_message(queue="live.fifo", batch_size=10)
    def live(event: Any) -> Any:
        # Imported here: only this function and the next need the APIs, and the others do not wait for their import.
        from chalicelib.apis.task_feed_frames import frame_builders

        return queues.handle_task_updates(event.to_dict(), frame_builders)

    @app.on_sqs_message(queue="announce.fifo", batch_size=10)
    def announce(event: Any) -> Any:
        from chalicelib.apis.event_payloads import may_see, payload_builders

        return queues.handle_announcements(event.to_dict(), payload_builders, may_see)

    @app.on_sqs_message(queue="webhooks.fifo", batch_size=1)
    def webhooks(event: Any) -> Any:
        return queues.handle_webhook_deliveries(event.to_dict())

    @app.on_sqs_message(queue="notifications.fifo", batch_size=1)
    def notifications(event: Any) -> Any:
        return queues.handle_notifications(event.to_dict())

    @app.on_sqs_message(queue="wakeups", batch_size=10)
    def wakeups(event: Any) -> Any:
        return queues.handle_wakeups(event.to_dict())

    @app.on_sqs_message(queue="sweeps", batch_size=1)
    def sweep(event: Any) -> Any:
        return queues.handle_sweep_parts(event.to_dict())

    @app.schedule(Rate(1, unit=Rate.MINUTES))
    def wake(event: Any) -> Any:
        return schedules.handle_sweep()

    @app.schedule(Rate(5, unit=Rate.MINUTES))
    def gauges(event: Any) -> Any:
        return schedules.handle_gauges()

    @app.schedule(Cron(2, "*", "*", "*", "?", "*"))
    def rollup_hourly(event: Any) -> Any:
        return schedules.handle_hourly_rollup()

    @app.schedule(Cron(10, 0, "*", "*", "?", "*"))
    def rollup_daily(event: Any) -> Any:
        return schedules.handle_daily_rollup()

    @app.schedule(Cron(30, 3, "*", "*", "?", "*"))
    def tidy(event: Any) -> Any:
        return schedules.handle_stuck_report()


gc.freeze()
gc.enable()

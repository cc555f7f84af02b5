"""AWS on this machine: moto inside this process, with what the storage template of a real deployment describes.

`AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_SQS` put another server in the place of moto's.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import moto.sqs.models
from botocore.endpoint import Endpoint
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber

from chalicelib import clock
from chalicelib.storage.aws import dynamodb, s3, sqs
from infra.local.moto import fast_paths, refusals, resources, streams, transactions, write_signals
from infra.local.moto.call_turns import Turns
from infra.local.moto.stack_chunks import roomy
from infra.names import STORED, parameter
from infra.resources import storage_template

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    # Endpoints by account are not known to moto: streams would answer 404.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}


@contextmanager
def cloud() -> Iterator[dict[str, str]]:
    """Empty tables, queues and bucket, gone at the end; gives setting -> physical name.

    It takes over the whole process: there is one at a time.
    """
    with patch.dict(os.environ, _ENVIRONMENT), _moto(), _heard():
        _forget()
        names = resources.create(storage_template())
        try:
            yield {setting: names[parameter(setting)] for setting in STORED}
        finally:
            _forget()


def _forget() -> None:
    """Clients bound to what was before must not be used."""
    dynamodb.reset_connections()
    s3.reset_clients()
    sqs.client.cache_clear()


@contextmanager
def _moto() -> Iterator[None]:
    with (
        fast_paths.taken(),
        refusals.added(),
        mock_aws(),
        _atomic(),
        _on_our_clock(),
        transactions.light(),
        streams.trimmed(),
    ):
        yield


@contextmanager
def _atomic() -> Iterator[None]:
    """One request at a time: moto's conditional writes are not atomic under threads."""
    turns, process = Turns(), roomy(BotocoreStubber.process_request)

    def one_at_a_time(stubber: BotocoreStubber, request: Any) -> Any:
        with turns.turn():
            return process(stubber, request)

    with patch.object(BotocoreStubber, "process_request", one_at_a_time):
        yield


@contextmanager
def _on_our_clock() -> Iterator[None]:
    """Delays and visibility of messages go by the house's clock, so that a clock that is moved moves them too."""
    with (
        patch.object(moto.sqs.models, "unix_time", lambda *_: clock.now() / clock.SECOND),
        patch.object(moto.sqs.models, "unix_time_millis", lambda *_: float(clock.now())),
    ):
        yield


@contextmanager
def _heard() -> Iterator[None]:
    """Let whoever waits for a table or a queue know of each call that wrote to it."""
    make = Endpoint.make_request

    def make_and_tell(endpoint: Endpoint, operation: Any, request: Any) -> Any:
        answer = make(endpoint, operation, request)
        write_signals.tell(operation.name, request["body"])
        return answer

    with patch.object(Endpoint, "make_request", make_and_tell):
        yield

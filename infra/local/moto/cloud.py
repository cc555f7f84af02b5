"""AWS on this machine: moto inside this process, with the resources of a real deployment's storage template.

`AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_SQS` replace moto's servers by others.
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
from infra.local.moto.stack_chunks import with_large_chunk
from infra.names import STORED, parameter
from infra.resources import storage_template

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": "us-east-1",
    # moto does not know endpoints by account. Its streams would answer 404.
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}


@contextmanager
def cloud() -> Iterator[dict[str, str]]:
    """Create empty tables, queues and a bucket, which are removed at the end. Yields setting -> physical name.

    It replaces parts of botocore and moto in the whole process, so only one can be open at a time.
    """
    with patch.dict(os.environ, _ENVIRONMENT), _mocking(), _signalling_writes():
        _reset_clients()
        names = resources.create(storage_template())
        try:
            yield {setting: names[parameter(setting)] for setting in STORED}
        finally:
            _reset_clients()


def _reset_clients() -> None:
    """Drop cached clients, which belong to the former servers."""
    dynamodb.reset_connections()
    s3.reset_clients()
    sqs.client.cache_clear()


@contextmanager
def _mocking() -> Iterator[None]:
    with (
        fast_paths.replacing_moto(),
        refusals.refusing_more(),
        mock_aws(),
        _one_call_at_a_time(),
        _using_our_clock(),
        transactions.undoing_changes(),
        streams.trimming(),
    ):
        yield


@contextmanager
def _one_call_at_a_time() -> Iterator[None]:
    """Let moto handle one call at a time, because its conditional writes are not atomic under threads."""
    turns, process = Turns(), with_large_chunk(BotocoreStubber.process_request)

    def process_in_turn(stubber: BotocoreStubber, request: Any) -> Any:
        with turns.turn():
            return process(stubber, request)

    with patch.object(BotocoreStubber, "process_request", process_in_turn):
        yield


@contextmanager
def _using_our_clock() -> Iterator[None]:
    """Use Yardmaster's clock for delays and visibility of messages, so that moving the clock moves them too."""
    with (
        patch.object(moto.sqs.models, "unix_time", lambda *_: clock.now() / clock.SECOND),
        patch.object(moto.sqs.models, "unix_time_millis", lambda *_: float(clock.now())),
    ):
        yield


@contextmanager
def _signalling_writes() -> Iterator[None]:
    """Signal each write to a table or queue to those who wait for it."""
    make_request = Endpoint.make_request

    def request_and_signal(endpoint: Endpoint, operation: Any, request: Any) -> Any:
        answer = make_request(endpoint, operation, request)
        write_signals.signal_write(operation.name, request["body"])
        return answer

    with patch.object(Endpoint, "make_request", request_and_signal):
        yield

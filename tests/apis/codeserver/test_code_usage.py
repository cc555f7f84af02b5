"""The reported usage of a code worker's language models is counted with its price, once for each attempt."""

from typing import Any

import pytest

from chalicelib import config
from chalicelib.domain.usage import ModelDay, Usage
from chalicelib.engine.usage import ledger
from tests.apis.codeserver.conftest import CodeserverApi
from tests.apis.codeserver.test_code import RESULT, SocketWorker, connect, create
from tests.support.models import MODELS
from tests.support.world import ORG

DAY = "2026-01-01"


def read_usage() -> list[ModelDay]:
    return ledger.read_models(ORG, DAY, DAY)


def report(worker: SocketWorker, task_id: str, usage: Any) -> Any:
    return worker.say("result", worker.task(task_id), result=RESULT | {"usage": usage})


def test_a_result_is_counted_once_however_often_it_is_sent(codeserver_api: CodeserverApi) -> None:
    config.replace(models=MODELS)
    task_id = create(codeserver_api)
    worker = connect(codeserver_api)
    usage = {"model": "clever", "tokens_in": 100, "tokens_out": 10}
    for _ in range(2):
        assert report(worker, task_id, usage)["type"] == "accepted"
    counted = Usage(calls=1, tokens_in=100, tokens_out=10, microdollars=100 * 2 + 10 * 10)
    assert read_usage() == [ModelDay(DAY, "clever", counted)]


def test_a_model_that_yardmaster_does_not_know_has_no_known_price(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api)
    report(connect(codeserver_api), task_id, {"model": "their-own", "tokens_in": 1, "tokens_out": 1})
    assert read_usage() == [ModelDay(DAY, "their-own", Usage(calls=1, tokens_in=1, tokens_out=1, unpriced=1))]


def test_a_result_that_is_refused_is_not_counted(codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api)
    worker = connect(codeserver_api)
    task = worker.task(task_id)
    codeserver_api.call("DELETE", f"/api/code/{task_id}")
    said = worker.say("result", task, result=RESULT | {"usage": {"model": "m", "tokens_in": 1, "tokens_out": 1}})
    assert said["type"] == "rejected"
    assert read_usage() == []


@pytest.mark.parametrize("model", ["", "x" * 201, 7])
def test_a_model_without_a_name_is_refused(model: Any, codeserver_api: CodeserverApi) -> None:
    task_id = create(codeserver_api)
    said = report(connect(codeserver_api), task_id, {"model": model, "tokens_in": 1, "tokens_out": 1})
    assert said["type"] == "error"
    assert read_usage() == []

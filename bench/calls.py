"""AWS calls and capacity units of each request, counted on moto in a process that has already served one of each."""

from bench import requests
from bench.measure import Section, equal_to, table
from bench.meter import Call, metering
from bench.world import Deployment, world


def measure() -> Section:
    with world() as deployment:
        calls_by_request = _calls(deployment)
    figures = [equal_to(name, len(calls), 2, "calls") for name, calls in calls_by_request.items()]
    head = ["request", "calls", "write units", "read units"]
    return Section("AWS calls for each request", __doc__, figures, [table(head, map(_row, calls_by_request.items()))])


def _row(request: tuple[str, list[Call]]) -> list[str]:
    name, calls = request
    operations = ", ".join(call.operation for call in calls)
    return [name, operations, f"{sum(call.writes for call in calls):g}", f"{sum(call.reads for call in calls):g}"]


def _calls(deployment: Deployment) -> dict[str, list[Call]]:
    task_id = deployment.submit()
    deployment.relay()
    deployment.handle("dispatch")
    events = {
        "submit": requests.submit(deployment.admin),
        "get": requests.get(deployment.admin, task_id),
        "heartbeat": requests.heartbeat(deployment.server, deployment.server_id),
        "list page": requests.list_servers(deployment.admin),
        "complete": requests.complete(deployment.server, task_id, deployment.server_id),
    }
    calls_by_request = {}
    for name, event in events.items():
        with metering() as calls:
            deployment.ask(event)
        calls_by_request[name] = calls
    return calls_by_request

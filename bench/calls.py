"""AWS calls and units of each request, counted on moto, in a process that has served one of each before."""

from bench import requests
from bench.measure import Section, exactly, table
from bench.meter import Call, metering
from bench.world import Deployment, world


def measure() -> Section:
    with world() as made:
        found = _calls(made)
    figures = [exactly(name, len(calls), 2, "calls") for name, calls in found.items()]
    head = ["request", "calls", "write units", "read units"]
    return Section("AWS calls for each request", __doc__, figures, [table(head, map(_row, found.items()))])


def _row(found: tuple[str, list[Call]]) -> list[str]:
    name, calls = found
    operations = ", ".join(call.operation for call in calls)
    return [name, operations, f"{sum(call.writes for call in calls):g}", f"{sum(call.reads for call in calls):g}"]


def _calls(made: Deployment) -> dict[str, list[Call]]:
    task_id = made.submit()
    made.relay()
    made.handle("dispatch")
    measured = {
        "submit": requests.submit(made.admin),
        "get": requests.get(made.admin, task_id),
        "heartbeat": requests.heartbeat(made.server, made.server_id),
        "list page": requests.list_servers(made.admin),
        "complete": requests.complete(made.server, task_id, made.server_id),
    }
    found = {}
    for name, event in measured.items():
        with metering() as calls:
            made.ask(event)
        found[name] = calls
    return found

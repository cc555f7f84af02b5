"""The load balancer (task-processing.md, "Load Balancer")."""

from pydantic import Field

from chalicelib.apis.processing.access import NAME
from chalicelib.domain.tasks.balancing import Algorithm
from chalicelib.domain.tasks.worker import Worker
from chalicelib.edge import Caller, CamelSchema, Routes
from chalicelib.engine.workers import pools

routes = Routes("/api/stats/load-balancer", tag="Load Balancer")


class Load(CamelSchema):
    """One server's load: the share of its slots that are in use."""

    load: float = Field(examples=[0.6])
    active_tasks: int = Field(examples=[6])
    weight: int = Field(examples=[2])

    @classmethod
    def from_worker(cls, worker: Worker) -> "Load":
        active = len(worker.leases)
        return cls(load=round(active / worker.max_concurrent, 4), active_tasks=active, weight=worker.weight)


class LoadBalancer(CamelSchema):
    """How the tasks are distributed over the registered servers."""

    algorithm: Algorithm
    server_distribution: dict[str, Load]
    total_active_tasks: int = Field(examples=[9])
    average_load: float = Field(examples=[0.45])


class AlgorithmIn(CamelSchema):
    """The algorithm to use."""

    algorithm: Algorithm = Field(examples=["least-connections"])


class AlgorithmSet(CamelSchema):
    """The algorithm that is used from now on."""

    message: str = "Load balancer algorithm updated"
    algorithm: Algorithm


@routes.get("")
def load_balancer(caller: Caller) -> LoadBalancer:
    """Get the current load distribution and algorithm."""
    pool, workers = pools.find_with_workers(caller.org, NAME)
    loads = {worker.id: Load.from_worker(worker) for worker in workers}
    return LoadBalancer(
        algorithm=Algorithm(pool.algorithm),
        server_distribution=loads,
        total_active_tasks=sum(load.active_tasks for load in loads.values()),
        average_load=round(sum(load.load for load in loads.values()) / len(loads), 4) if loads else 0.0,
    )


@routes.post("/algorithm", role="admin")
def set_algorithm(caller: Caller, body: AlgorithmIn) -> AlgorithmSet:
    """Change the load balancing algorithm. The next dispatch uses it."""
    pools.set_algorithm(caller.org, NAME, body.algorithm)
    return AlgorithmSet(algorithm=body.algorithm)

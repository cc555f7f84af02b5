"""Authentication and rate limits: every token may call, in any role; on the local stage the API can be open to all."""

from functools import partial

from chalicelib.edge import Limit, WorkerEndpoint
from chalicelib.engine.security import authentication, rate_limits

NAME = "support"
"""The API's name, and the pool of its tasks and workers."""

LIMITS = {"default": Limit(100, 60)}

authenticate = partial(authentication.authenticate_request, NAME)
admit = partial(rate_limits.admit_caller, NAME)
WORKER = "support.worker"
WORKERS = WorkerEndpoint(WORKER, "/worker/{worker_id}", NAME, authenticate)
"""Where workers connect."""

"""Authentication and rate limits: every token may call, for the org that it names. The document has no roles."""

from functools import partial

from chalicelib.edge import Limit
from chalicelib.engine.security import authentication, rate_limits

NAME = "coordinator"
"""The API's name, and the pool of its tasks and workers."""

LIMITS = {"default": Limit(1000, 60)}

authenticate = partial(authentication.authenticate_request, NAME)
admit = partial(rate_limits.admit_caller, NAME)

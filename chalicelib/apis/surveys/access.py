"""Authentication and rate limits: every token may call, for the org that it names. The document has no roles."""

from functools import partial

from chalicelib.edge import Limit
from chalicelib.engine.security import authentication, rate_limits

NAME = "surveys"
"""The API's name."""
POOL = "coordinator"
"""The pool of its sessions: the coordinator's, because the coordinator's workers hold them."""

LIMITS = {"default": Limit(100, 60)}
"""The document names no limit for this API."""

authenticate = partial(authentication.authenticate_request, NAME)
admit = partial(rate_limits.admit_caller, NAME)

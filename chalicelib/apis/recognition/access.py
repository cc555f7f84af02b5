"""Authentication and limits: every token may call, for the org that it names. The document has no roles."""

from functools import partial

from chalicelib.edge import Limit
from chalicelib.engine.security import authentication, rate_limits

NAME = "recognition"
"""The API's name."""

LIMITS = {"default": Limit(100, 60)}
BODY_LIMIT_BYTES = 6_000_000
"""The most that reaches a function of AWS Lambda, whose events have 6 MiB at most: 4.5 MB of files in base64."""

authenticate = partial(authentication.authenticate_request, NAME)
admit = partial(rate_limits.admit_caller, NAME)

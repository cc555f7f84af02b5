"""Count calls of models with their price."""

from contextlib import suppress

from chalicelib.engine.models import catalogue
from chalicelib.engine.usage import ledger
from chalicelib.errors import NotConfigured


def record(org: str, source_id: str, model_id: str, tokens_in: int | None, tokens_out: int | None) -> bool:
    """Count one successful call of a model, at its present price, once for each source. Returns False if this source
    was counted before.

    A model that the catalogue does not have, such as a worker's own, has no known price. One transaction,
    and two calls of SSM a minute. Raises Unavailable.
    """
    return ledger.record(org, source_id, model_id, tokens_in, tokens_out, _cost(org, model_id, tokens_in, tokens_out))


def _cost(org: str, model_id: str, tokens_in: int | None, tokens_out: int | None) -> int | None:
    with suppress(NotConfigured):
        for entry in catalogue.list_models(org):
            if entry.model.id == model_id:
                return entry.model.cost_microdollars(tokens_in, tokens_out)
    return None

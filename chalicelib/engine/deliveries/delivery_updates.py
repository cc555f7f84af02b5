"""Writing a delivery's next state, while other processes may write to the same delivery."""

from collections.abc import Callable
from dataclasses import replace

from chalicelib.domain.deliveries.delivery import Delivery
from chalicelib.storage.deliveries import deliveries as storage

Transition = Callable[[Delivery], Delivery]


def apply_transition(delivery: Delivery, transition: Transition, *, always: bool = False) -> Delivery:
    """Write the delivery's next state and return what is stored then. One call.

    If another process wrote first, its state stays, unless this transition `always` counts, as an acknowledgement does:
    then it is applied to what the other wrote, until the delivery is delivered. A delivery that is not stored any more
    is returned as it was.
    """
    new = replace(transition(delivery), version=delivery.version + 1)
    stored = storage.replace_if_unchanged(delivery, new)
    if stored is None or stored == new or not always or stored.status == "delivered":
        return stored or delivery
    return apply_transition(stored, transition, always=True)

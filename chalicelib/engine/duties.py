"""Many small jobs, of which one that fails does not stop the others."""

from collections.abc import Callable, Iterable


def carry_out(jobs: Iterable[Callable[[], object]], complaint: str) -> int:
    """Do each job; returns how many were done. Raises ExceptionGroup(complaint) at the end when any failed."""
    done, errors = 0, []
    for job in jobs:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - gathered, and raised at the end
            errors.append(error)
        else:
            done += 1
    if errors:
        raise ExceptionGroup(complaint, errors)
    return done

"""What the tasks of some pools are called by the API that has them: errors name them so."""

from collections.abc import Mapping

from chalicelib.domain.tasks.pools import EXECUTIONS_POOL

COMMANDS_POOL = "studio-commands"
_NOUNS: Mapping[str, str] = {COMMANDS_POOL: "Command", EXECUTIONS_POOL: "Workflow execution"}


def noun(pool: str | None) -> str:
    """What a task of this pool is called; of any pool it is a task."""
    return "Task" if pool is None else _NOUNS.get(pool, "Task")

"""Random tasks of a managed pool, stored and indexed directly, without the relay."""

import random
from typing import Any

from chalicelib.domain.search import query as queries
from chalicelib.domain.tasks.task import Status, Task
from chalicelib.engine.search.search import Page
from chalicelib.storage.tasks.table import TaskItem, large_values, task_values
from tests.domain import samples
from tests.support.world import ORG

POOL = "projects"
START = 1_700_000_000_000
WORDS = ("login", "log", "logistics", "Straße", "crash", "page", "認証")
AGENTS = ("agent_a", "agent_b")
PROJECTS = ("proj_a", "proj_b", "proj_c")
TAGS = ("react", "api", "node js", "a#b", "x=y")
LABELS = ("go", "java")
STATUSES = list(Status)


def store_tasks(*tasks: Task) -> None:
    with TaskItem.batch_write() as batch:
        for task in tasks:
            values = task_values(task) | large_values(task)
            batch.save(TaskItem(**{name: value for name, value in values.items() if value is not None}))


def random_terms(chance: random.Random) -> tuple[str, ...]:
    text = " ".join(chance.sample(WORDS, chance.randint(0, 3)))
    words_and_tags = [f"word={word}" for word in queries.distinct_words(text)] + [
        f"tag={tag}" for tag in chance.sample(TAGS, chance.randint(0, 2))
    ]
    return (
        *words_and_tags,
        f"creator=user_{chance.randint(0, 1)}",
        *([f"project={chance.choice(PROJECTS)}"] if chance.random() < 0.7 else []),
    )


def random_changes(chance: random.Random) -> dict[str, Any]:
    """Random values for what an edit or a transition can change."""
    return {
        "status": chance.choice(STATUSES),
        "priority": chance.randint(0, 9),
        "label": chance.choice((*LABELS, None)),
        "wanted_worker": chance.choice((*AGENTS, None)),
        "due_at": chance.choice((None, START + chance.randint(-5, 5) * 86_400_000)),
        "terms": random_terms(chance),
        "person": chance.choice((None, "user_0")),
        "worker_id": chance.choice((*AGENTS, None)),
    }


def random_task(chance: random.Random, number: int) -> Task:
    created = START + chance.randint(0, 8) * 1_000
    return samples.draft(
        id=f"task_{number:03d}",
        org=ORG,
        pool=POOL,
        created_at=created,
        updated_at=created + chance.randint(0, 9),
        version=1,
        manual=True,
        payload={"title": "x"},
        **random_changes(chance),
    )


def ids_of(page: Page) -> list[str]:
    return [task.id for task in page.tasks]

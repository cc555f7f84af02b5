"""A client of the CoordinAItor API.

    client = OrchestratorClient(base_url="http://localhost:3000", api_key="ak_...")
    task = await client.tasks.create({"title": "Write it", "project_id": "proj_..."})
    async for update in client.tasks.watch(task["id"]):
        print(update["type"], update["progress"])

Fields may be named as in Python (`project_id`) or as the API has them (`projectId`); answers are as the API gives them.
"""

from orchestrator_sdk.client import OrchestratorClient
from orchestrator_sdk.errors import ApiError, ConnectionFailed, OrchestratorError

__all__ = ["ApiError", "ConnectionFailed", "OrchestratorClient", "OrchestratorError"]

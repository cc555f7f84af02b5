"""A client of the CoordinAItor API.

    client = OrchestratorClient(base_url="http://localhost:3000", api_key="ak_...")
    task = await client.tasks.create({"title": "Write it", "project_id": "proj_..."})
    async for update in client.tasks.watch(task["id"]):
        print(update["type"], update["progress"])

Request fields can have Python's names (`project_id`) or the API's (`projectId`). Answers have the API's names.
"""

from orchestrator_sdk.client import OrchestratorClient
from orchestrator_sdk.errors import ApiError, ConnectionFailed, OrchestratorError

__all__ = ["ApiError", "ConnectionFailed", "OrchestratorClient", "OrchestratorError"]

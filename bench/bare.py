"""The same four endpoints as bare Chalice views: they make the same calls with boto3, and have no validation,
authentication, rate limit or rule."""

import json
import time
import uuid
from typing import Any

import boto3
from chalice import Chalice

app = Chalice(app_name="bare")
database = boto3.client("dynamodb", region_name="us-east-1")
COUNT: Any = {
    "TableName": "yardmaster-access",
    "Key": {"id": {"S": "bench"}},
    "UpdateExpression": "ADD #count :one",
    "ExpressionAttributeNames": {"#count": "count"},
    "ExpressionAttributeValues": {":one": {"N": "1"}},
    "ReturnValues": "ALL_NEW",
}


def _now() -> int:
    return time.time_ns() // 1_000_000


@app.route("/api/task", methods=["POST"])
def create_task() -> Any:
    database.update_item(**COUNT)
    request: Any = app.current_request
    body, now = request.json_body, _now()
    task_id = f"task_{uuid.uuid4().hex}"
    item = {
        "id": {"S": task_id},
        "status": {"S": "pending"},
        "type": {"S": body["type"]},
        "priority": {"N": str(body["priority"])},
        "payload": {"S": json.dumps(body["payload"])},
        "created_at": {"N": str(now)},
        "updated_at": {"N": str(now)},
    }
    database.put_item(TableName="yardmaster-tasks", Item=item, ConditionExpression="attribute_not_exists(id)")
    return {"id": task_id, "status": "PENDING", "createdAt": now, "updatedAt": now}


@app.route("/api/task/{id}", methods=["GET"])
def get_task(id: str) -> Any:
    database.update_item(**COUNT)
    item = database.get_item(TableName="yardmaster-tasks", Key={"id": {"S": id}}, ConsistentRead=True)["Item"]
    return {
        "id": id,
        "status": item["status"]["S"],
        "createdAt": int(item["created_at"]["N"]),
        "updatedAt": int(item["updated_at"]["N"]),
    }


@app.route("/api/servers/{id}/heartbeat", methods=["POST"])
def heartbeat(id: str) -> Any:
    database.update_item(**COUNT)
    request: Any = app.current_request
    body = request.json_body
    database.update_item(
        TableName="yardmaster-workers",
        Key={"org_pool": {"S": "bench#processing"}, "id": {"S": id}},
        UpdateExpression="SET last_heartbeat_at = :now, reported = :reported",
        ExpressionAttributeValues={":now": {"N": str(_now())}, ":reported": {"S": json.dumps(body["metrics"])}},
        ReturnValues="ALL_NEW",
    )
    return {"message": "Heartbeat received"}


@app.route("/api/task/{id}", methods=["PUT"])
def complete(id: str) -> Any:
    database.update_item(**COUNT)
    request: Any = app.current_request
    body = request.json_body
    done: Any = {
        "TableName": "yardmaster-tasks",
        "Key": {"id": {"S": id}},
        "UpdateExpression": "SET #status = :status, #result = :result, updated_at = :now",
        "ExpressionAttributeNames": {"#status": "status", "#result": "result"},
        "ExpressionAttributeValues": {
            ":status": {"S": body["status"]},
            ":result": {"S": json.dumps(body["result"])},
            ":now": {"N": str(_now())},
        },
    }
    freed: Any = {
        "TableName": "yardmaster-workers",
        "Key": {"org_pool": {"S": "bench#processing"}, "id": {"S": "server"}},
        "UpdateExpression": "REMOVE leases.#task",
        "ExpressionAttributeNames": {"#task": id},
    }
    database.transact_write_items(TransactItems=[{"Update": done}, {"Update": freed}])
    return {"message": "Task updated"}

"""The storage template: tables, queues and the payload bucket, as plain CloudFormation."""

from chalicelib import storage
from chalicelib.storage.aws.s3 import EXPIRING
from infra.bundles import consumers
from infra.names import (
    PREFIX_PARAMETER,
    STORED,
    Template,
    dead_letter_id,
    default,
    parameter,
    prefixed,
    stream_parameter,
    template,
)
from infra.tables import RETAINED, tables

MAX_RECEIVES = 5
"""How often a message is received before it moves to the dead-letter queue."""
DEAD_SECONDS = 14 * 86_400
"""Retention of dead letters: the longest that SQS allows."""
VISIBILITY_FACTOR = 6
"""AWS's advice: a message stays hidden for six times the function's timeout, so that a throttled batch is retried."""
FIFO_VISIBILITY_FACTOR = 1
"""A hidden message of a FIFO queue blocks its whole group, so it becomes visible again as soon as Lambda allows."""
BUCKET_GRACE_DAYS = 30
"""How much longer payloads are kept than their tasks, so that no task refers to a deleted object."""


OLD_VERSION_DAYS = 35
"""How long a deleted or replaced object can be restored: as long as the tables' point-in-time recovery, because items
name objects."""
ABANDONED_DAYS = 7
"""After so many days an unfinished upload is removed."""


def storage_template() -> Template:
    """The template with a deployment's data.

    One parameter, Prefix. The outputs are named after the settings: `TasksTable` (the name), `TasksTableArn`,
    `TasksTableStream` (an ARN), `DispatchQueue`, `DispatchQueueArn`, `DispatchQueueUrl`, `PayloadBucket` and so on.
    Under the default prefix the names are the settings' defaults; the bucket's also has the account and the region.
    """
    resources = tables(storage.models()) | _queues() | {parameter("payload_bucket"): _bucket()}
    return template(
        "Yardmaster: tables, queues and payloads",
        Parameters={"Prefix": PREFIX_PARAMETER},
        Resources=resources,
        Outputs=_outputs(resources),
    )


def _queues() -> Template:
    """Each queue with its dead-letter queue, and the queue of parked changes."""
    queues: Template = {parameter("parked_queue"): _queue(default("parked_queue"), MessageRetentionPeriod=DEAD_SECONDS)}
    for setting, function in consumers().items():
        name = default(setting)
        queues[dead_letter_id(setting)] = _queue(dead_letter_queue_name(name), MessageRetentionPeriod=DEAD_SECONDS)
        queues[parameter(setting)] = _queue(
            name,
            VisibilityTimeout=_visibility(name) * function.timeout,
            RedrivePolicy={
                "deadLetterTargetArn": {"Fn::GetAtt": [dead_letter_id(setting), "Arn"]},
                "maxReceiveCount": MAX_RECEIVES,
            },
        )
    return queues


def _visibility(name: str) -> int:
    return FIFO_VISIBILITY_FACTOR if name.endswith(".fifo") else VISIBILITY_FACTOR


def dead_letter_queue_name(queue: str) -> str:
    """The name of a queue's dead-letter queue."""
    stem, dot, suffix = queue.partition(".")
    return f"{stem}-dead{dot}{suffix}"


# The messages of one group are in order and do not delay another group.
_FIFO = {
    "FifoQueue": True,
    "ContentBasedDeduplication": False,
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}


def _queue(name: str, **properties: object) -> Template:
    fifo = _FIFO if name.endswith(".fifo") else {}
    common = {"QueueName": prefixed(name), "SqsManagedSseEnabled": True}
    retained = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {"Type": "AWS::SQS::Queue", **retained, "Properties": common | fifo | properties}


def _bucket() -> Template:
    days = default("retention_days") + BUCKET_GRACE_DAYS
    # Bucket names are one namespace for all of AWS.
    name = {"Fn::Sub": prefixed(default("payload_bucket"))["Fn::Sub"] + "-${AWS::AccountId}-${AWS::Region}"}
    # Objects elsewhere, such as files and payloads of managed tasks, are kept until their owners delete them.
    expiry = {"Id": "expire", "Status": "Enabled", "Prefix": f"{EXPIRING}/", "ExpirationInDays": days}
    # A deleted object remains as an old version; after the last old version a delete marker remains.
    old = {
        "Id": "forget",
        "Status": "Enabled",
        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
        "ExpiredObjectDeleteMarker": True,
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABANDONED_DAYS},
    }
    closed = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    properties = {
        "BucketName": name,
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
        "VersioningConfiguration": {"Status": "Enabled"},
        "LifecycleConfiguration": {"Rules": [expiry, old]},
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "PublicAccessBlockConfiguration": dict.fromkeys(closed, True),
    }
    return {"Type": "AWS::S3::Bucket", **RETAINED, "Properties": properties}


def _outputs(resources: Template) -> Template:
    values: Template = {}
    for setting in STORED:
        name = parameter(setting)
        values |= _resource_outputs(name, resources[name])
        if "StreamSpecification" in resources[name]["Properties"]:
            values[stream_parameter(setting)] = {"Fn::GetAtt": [name, "StreamArn"]}
    for setting in consumers():
        values |= _resource_outputs(dead_letter_id(setting), resources[dead_letter_id(setting)])
    return {name: {"Value": value} for name, value in values.items()}


def _resource_outputs(logical: str, resource: Template) -> Template:
    outputs: Template = {logical: {"Ref": logical}, f"{logical}Arn": {"Fn::GetAtt": [logical, "Arn"]}}
    if resource["Type"] == "AWS::SQS::Queue":
        # A queue's Ref is its URL.
        outputs |= {logical: {"Fn::GetAtt": [logical, "QueueName"]}, f"{logical}Url": {"Ref": logical}}
    return outputs

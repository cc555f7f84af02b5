"""What is kept: tables, queues and the payload bucket, as one plain CloudFormation template."""

from chalicelib import storage
from chalicelib.storage.aws.s3 import EXPIRING
from infra.bundles import consumers
from infra.names import PREFIX_PARAMETER, STORED, Template, dead, default, parameter, prefixed, stream, template
from infra.tables import RETAINED, tables

MAX_RECEIVES = 5
"""How often a message is tried before it goes to the dead-letter queue."""
DEAD_SECONDS = 14 * 86_400
"""Retention of dead letters: the longest that SQS allows."""
VISIBILITY_FACTOR = 6
"""AWS's advice: a message stays hidden for six times the function's timeout, so that a throttled batch is retried."""
FIFO_VISIBILITY_FACTOR = 1
"""A hidden message of a FIFO queue holds up its whole group, so it comes back as soon as Lambda allows."""
BUCKET_GRACE_DAYS = 30
"""Payloads outlive their task's retention by this much, so that no task ever points at nothing."""


OLD_VERSION_DAYS = 35
"""How long a deleted or replaced object can be brought back: as far as a table's point-in-time recovery reaches, whose
items name objects."""
ABANDONED_DAYS = 7
"""After these an upload that was never finished is removed."""


def storage_template() -> Template:
    """The template that a deployment's data lives in.

    One parameter, Prefix. The outputs are named after the settings: `TasksTable` (the name), `TasksTableArn`,
    `TasksTableStream` (an ARN), `DispatchQueue`, `DispatchQueueArn`, `DispatchQueueUrl`, `PayloadBucket` and so on.
    Under the default prefix the names are the settings' defaults, but for the bucket's, which the account completes.
    """
    resources = tables(storage.models()) | _queues() | {parameter("payload_bucket"): _bucket()}
    return template(
        "Yardmaster: tables, queues and payloads",
        Parameters={"Prefix": PREFIX_PARAMETER},
        Resources=resources,
        Outputs=_outputs(resources),
    )


def _queues() -> Template:
    """Each consumed queue with its dead-letter queue; and where the relay parks what it cannot carry out."""
    found: Template = {parameter("parked_queue"): _queue(default("parked_queue"), MessageRetentionPeriod=DEAD_SECONDS)}
    for setting, function in consumers().items():
        name = default(setting)
        found[dead(setting)] = _queue(dead_name(name), MessageRetentionPeriod=DEAD_SECONDS)
        found[parameter(setting)] = _queue(
            name,
            VisibilityTimeout=_visibility(name) * function.timeout,
            RedrivePolicy={
                "deadLetterTargetArn": {"Fn::GetAtt": [dead(setting), "Arn"]},
                "maxReceiveCount": MAX_RECEIVES,
            },
        )
    return found


def _visibility(name: str) -> int:
    return FIFO_VISIBILITY_FACTOR if name.endswith(".fifo") else VISIBILITY_FACTOR


def dead_name(queue: str) -> str:
    """The name of a queue's dead-letter queue."""
    stem, dot, suffix = queue.partition(".")
    return f"{stem}-dead{dot}{suffix}"


# One group's messages keep their order and do not hold up another's.
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
    # What people keep, such as files and their tasks' payloads, is theirs to delete.
    expiry = {"Id": "expire", "Status": "Enabled", "Prefix": f"{EXPIRING}/", "ExpirationInDays": days}
    # What is deleted stays behind as an old version, and where the last of these is gone, as a marker of nothing.
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
        values |= _named(name, resources[name])
        if "StreamSpecification" in resources[name]["Properties"]:
            values[stream(setting)] = {"Fn::GetAtt": [name, "StreamArn"]}
    for setting in consumers():
        values |= _named(dead(setting), resources[dead(setting)])
    return {name: {"Value": value} for name, value in values.items()}


def _named(logical: str, resource: Template) -> Template:
    found: Template = {logical: {"Ref": logical}, f"{logical}Arn": {"Fn::GetAtt": [logical, "Arn"]}}
    if resource["Type"] == "AWS::SQS::Queue":
        # A queue's Ref is its URL.
        found |= {logical: {"Fn::GetAtt": [logical, "QueueName"]}, f"{logical}Url": {"Ref": logical}}
    return found

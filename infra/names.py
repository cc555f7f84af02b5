"""The names of one thing in every place: setting, environment variable, template parameter and physical name.

`tasks_table` of Settings is the variable TASKS_TABLE of a function, the parameter TasksTable of a bundle's template,
the output TasksTable of the storage template, and in AWS the table `${Prefix}-tasks`.
"""

from typing import Any

from chalicelib.config import Settings

Template = dict[str, Any]

PREFIX = "yardmaster"
"""Default of the parameter Prefix, and the prefix of every default name in Settings."""

API_STAGE = "prod"
"""The stage of every API Gateway; part of its URL until a custom domain hides it."""

PREFIX_PARAMETER: Template = {
    "Type": "String",
    "Default": PREFIX,
    "AllowedPattern": "^[a-z][a-z0-9-]{1,19}$",
    "Description": "Every name begins with it: give each deployment in an account its own.",
}

STORED = tuple(name for name in vars(Settings()) if name.endswith(("_table", "_bucket", "_queue")))
"""The settings that name a table, a bucket or a queue."""


def default(setting: str) -> Any:
    """The setting's default value."""
    return getattr(Settings(), setting)


def parameter(setting: str) -> str:
    """The template parameter (and output, and logical id) of a setting: `tasks_table` -> `TasksTable`."""
    return "".join(word.capitalize() for word in setting.split("_"))


def environment_variable(setting: str) -> str:
    """The environment variable that Settings reads the setting from."""
    return setting.upper()


def prefixed(name: str) -> Template:
    """The default name `name` under the deployment's own prefix."""
    return {"Fn::Sub": "${Prefix}" + name.removeprefix(PREFIX)}


def stream_parameter(table: str) -> str:
    """The parameter that holds the ARN of a table's stream."""
    return f"{parameter(table)}Stream"


def sockets_api(owner: bool) -> str:
    """The logical id of the WebSocket API: Chalice's resource in its owner's template, elsewhere a parameter."""
    return "WebsocketAPI" if owner else "SocketsApi"


def dead_letter_id(queue: str) -> str:
    """The logical id of a queue's dead-letter queue."""
    return parameter(queue).replace("Queue", "DeadQueue")


def template(description: str, **sections: Template) -> Template:
    """A CloudFormation template with these sections, empty ones left out."""
    head = {"AWSTemplateFormatVersion": "2010-09-09", "Description": description}
    return head | {name: section for name, section in sections.items() if section}

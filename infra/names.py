"""How one thing is called in every place: setting, environment variable, template parameter and physical name.

`tasks_table` of Settings is the variable TASKS_TABLE of a function, the parameter TasksTable of a bundle's template,
the output TasksTable of the storage template, and in AWS the table `${Prefix}-tasks`.
"""

from typing import Any

from chalicelib.config import Settings

Template = dict[str, Any]

PREFIX = "yardmaster"
"""Default of the parameter Prefix, and what every default name in Settings begins with."""

API_STAGE = "prod"
"""The stage of every API Gateway; part of its URL until a custom domain hides it."""

PREFIX_PARAMETER: Template = {
    "Type": "String",
    "Default": PREFIX,
    "AllowedPattern": "^[a-z][a-z0-9-]{1,19}$",
    "Description": "Begins the name of everything: give each deployment in an account its own.",
}

STORED = tuple(name for name in vars(Settings()) if name.endswith(("_table", "_bucket", "_queue")))
"""The settings that name a table, a bucket or a queue."""


def default(setting: str) -> Any:
    """What the setting is when the environment says nothing."""
    return getattr(Settings(), setting)


def parameter(setting: str) -> str:
    """The template parameter (and output, and logical id) that belongs to a setting: `tasks_table` -> `TasksTable`."""
    return "".join(word.capitalize() for word in setting.split("_"))


def variable(setting: str) -> str:
    """The environment variable that Settings reads the setting from."""
    return setting.upper()


def prefixed(name: str) -> Template:
    """The default name `name` under the deployment's own prefix."""
    return {"Fn::Sub": "${Prefix}" + name.removeprefix(PREFIX)}


def stream(table: str) -> str:
    """The parameter that holds the ARN of a table's stream."""
    return f"{parameter(table)}Stream"


def sockets_api(owner: bool) -> str:
    """What refers to the id of the WebSocket API: Chalice's resource in its owner's template, elsewhere a parameter."""
    return "WebsocketAPI" if owner else "SocketsApi"


def dead(queue: str) -> str:
    """The logical id of a queue's dead-letter queue."""
    return parameter(queue).replace("Queue", "DeadQueue")


def template(description: str, **sections: Template) -> Template:
    """A CloudFormation template with these sections, empty ones left out."""
    head = {"AWSTemplateFormatVersion": "2010-09-09", "Description": description}
    return head | {name: section for name, section in sections.items() if section}

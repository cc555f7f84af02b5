"""Read secrets from SSM by name."""

from chalicelib.config import settings
from chalicelib.errors import Unavailable


def read_parameter(name: str) -> str:
    """The decrypted text of the SecureString `name`.

    Raises Unavailable where SSM does not return it: it throttles, has no such parameter, denies it or does not answer.
    """
    text = find_parameter(name)
    if text is None:
        raise Unavailable("The deployment's secrets cannot be read now: try again shortly.")
    return text


def find_parameter(name: str) -> str | None:
    """As `read_parameter`, but None where there is no such parameter."""
    # Imported here: boto3 takes long to import, and the local stage never reads a parameter.
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    # Boto's default timeouts, a minute each, are longer than those of the gateway and of a function.
    config = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2})
    try:
        client = boto3.client("ssm", region_name=settings().region, config=config)
        return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ParameterNotFound":
            return None
        raise Unavailable("The deployment's secrets cannot be read now: try again shortly.") from error

"""Keys for a deployment. `python -m infra.secrets` prints a fresh value for the SSM parameter.

With `--rotate` it reads the present value from standard input and prints it with a new key put first in each section:
the first key signs and seals, the others still verify and unseal. Drop an old key once nothing made with it is left.
"""

import argparse
import base64
import json
import secrets
import sys

Keys = dict[str, dict[str, str]]

KEY_BYTES = 32
SECTIONS = ("jwt", "seal")


def fresh() -> Keys:
    """One new key in each section, under a key id of its own."""
    return {section: {f"k{secrets.token_hex(4)}": _key()} for section in SECTIONS}


def rotated(present: Keys) -> Keys:
    """`present` with a new key first in each section. Raises KeyError when a section is missing."""
    new = fresh()
    return {section: new[section] | present[section] for section in SECTIONS}


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.secrets", description="Keys for the secrets parameter.")
    parser.add_argument("--rotate", action="store_true", help="add new keys to the value on standard input")
    keys = rotated(json.load(sys.stdin)) if parser.parse_args().rotate else fresh()
    print(json.dumps(keys))


if __name__ == "__main__":
    main()

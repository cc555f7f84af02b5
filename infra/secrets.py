"""Keys for a deployment: the value of its SSM parameter.

    python -m infra.secrets new                  prints a fresh value
    python -m infra.secrets add [SECTION]        reads the present value, prints it with a new key put last: it opens
                                                 what others make with it, and makes nothing yet
    python -m infra.secrets promote [SECTION]    the last key becomes the first, which makes all that is new
    python -m infra.secrets retire [SECTION]     every key but the first is dropped

SECTION is `jwt` (signs tokens) or `seal` (encrypts workers' keys); both when it is not given. A present value is read
from standard input. Functions keep the value for five minutes: let that pass between `add` and `promote`.
"""

import argparse
import base64
import json
import secrets
import sys
from collections.abc import Callable

Keys = dict[str, str]
"""Key id -> key, the one in use first."""

KEY_BYTES = 32
SECTIONS = ("jwt", "seal")


def new(_present: Keys) -> Keys:
    """One key of the operating system's entropy, under an id of its own."""
    return {f"k{secrets.token_hex(4)}": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}


def add(present: Keys) -> Keys:
    """The present keys and a new one, last."""
    return present | new(present)


def promote(present: Keys) -> Keys:
    """The last key first."""
    last = list(present)[-1]
    return {last: present[last]} | present


def retire(present: Keys) -> Keys:
    """The first key alone."""
    return dict(list(present.items())[:1])


STEPS: dict[str, Callable[[Keys], Keys]] = {"new": new, "add": add, "promote": promote, "retire": retire}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser("python -m infra.secrets", description="Keys for the secrets parameter.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("section", choices=SECTIONS, nargs="?")
    given = parser.parse_args(arguments)
    present = {section: {} for section in SECTIONS} if given.step == "new" else json.load(sys.stdin)
    chosen = SECTIONS if given.section is None else (given.section,)
    print(json.dumps(present | {section: STEPS[given.step](present[section]) for section in chosen}))


if __name__ == "__main__":
    main(sys.argv[1:])

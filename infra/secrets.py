"""Keys for a deployment: the value of its SSM parameter.

    python -m infra.secrets new                  prints a fresh value
    python -m infra.secrets add [SECTION]        reads the present value, prints it with a new key put last: it opens
                                                 what others make with it, and makes nothing yet
    python -m infra.secrets promote [SECTION]    the last key becomes the first, which makes all that is new
    python -m infra.secrets retire SECTION       every key but the first is dropped

SECTION is `jwt` (signs tokens) or `seal` (encrypts workers' keys); both when it is not given. A present value is read
from standard input. Functions keep the value for five minutes: let that pass between `add` and `promote`.

A step that would change nothing fails: it prints no value, says why on standard error and exits with 1.
"""

import argparse
import base64
import json
import secrets
import sys
from collections.abc import Callable, Sequence

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


class Refused(Exception):
    """The step would change nothing, or the present value is none. Never says a key."""


STEPS: dict[str, Callable[[Keys], Keys]] = {"new": new, "add": add, "promote": promote, "retire": retire}


SINGLE = {
    "promote": "has a single key, so that there is none to put first: `add` one before",
    "retire": "has a single key, which is in use, so that there is none to drop. If it has leaked: `add`, `promote`, "
    "then `retire`",
}
"""What is wrong with a section that has one key, for the steps that need another."""


def stepped(step: str, section: str | None, present: dict[str, Keys]) -> dict[str, Keys]:
    """The value after a step. Raises Refused where a section that is meant would stay as it is."""
    chosen = SECTIONS if section is None else (section,)
    for name in chosen:
        if step in SINGLE and len(present[name]) < 2:
            raise Refused(f"The section {name} {SINGLE[step]}.{_other_sections(section, chosen)}")
    return present | {name: STEPS[step](present[name]) for name in chosen}


def _other_sections(section: str | None, chosen: Sequence[str]) -> str:
    return "" if section else f" Name the section that is meant: {' or '.join(chosen)}."


def parsed(text: str) -> dict[str, Keys]:
    """The present value. Raises Refused unless it has all sections, each with a key."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), dict) and found[name] for name in SECTIONS):
        raise Refused(
            f"Standard input is no value with keys in the sections {' and '.join(SECTIONS)}: pipe the present one."
        )
    return found


def main(arguments: list[str]) -> None:
    """Print the new value. Exits with 1 where nothing would change, with 2 where it is asked wrongly."""
    parser = argparse.ArgumentParser("python -m infra.secrets", description="Keys for the secrets parameter.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("section", choices=SECTIONS, nargs="?")
    given = parser.parse_args(arguments)
    if given.step == "new" and given.section is not None:
        parser.error("`new` makes all sections: name none")
    if given.step == "retire" and given.section is None:
        parser.error(f"`retire` needs its section, {' or '.join(SECTIONS)}: what old keys made is not opened any more")
    try:
        present = {name: {} for name in SECTIONS} if given.step == "new" else parsed(sys.stdin.read())
        print(json.dumps(stepped(given.step, given.section, present)))
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

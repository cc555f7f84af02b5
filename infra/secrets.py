"""A deployment's keys: the value of its SSM parameter.

    python -m infra.secrets new                  prints a fresh value
    python -m infra.secrets add [SECTION]        reads the present value, prints it with a new key at the end: it
                                                 verifies and decrypts, but does not sign or encrypt yet
    python -m infra.secrets promote [SECTION]    the last key becomes the first, which signs and encrypts
    python -m infra.secrets retire SECTION       removes every key but the first

SECTION is `jwt` (signs tokens) or `seal` (encrypts workers' keys); without it both are meant. A present value is read
from standard input. Functions cache the value for five minutes: wait for so long between `add` and `promote`.

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
    """One random key under a new id."""
    return {f"k{secrets.token_hex(4)}": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}


def add(present: Keys) -> Keys:
    """The present keys, and a new one at the end."""
    return present | new(present)


def promote(present: Keys) -> Keys:
    """The same keys, the last one first."""
    last = list(present)[-1]
    return {last: present[last]} | present


def retire(present: Keys) -> Keys:
    """Only the first key."""
    return dict(list(present.items())[:1])


class StepRefused(Exception):
    """The step would change nothing, or the present value is invalid. The message never contains a key."""


STEPS: dict[str, Callable[[Keys], Keys]] = {"new": new, "add": add, "promote": promote, "retire": retire}


SINGLE = {
    "promote": "has a single key, so no other key can be promoted: `add` one first",
    "retire": "has a single key, which is in use, so no key can be retired. If it has leaked: `add`, `promote`, "
    "then `retire`",
}
"""Why a step fails on a section with a single key, for the steps that need two."""


def apply_step(step: str, section: str | None, present: dict[str, Keys]) -> dict[str, Keys]:
    """Return the value after a step. Raises StepRefused if a chosen section would stay as it is."""
    chosen = SECTIONS if section is None else (section,)
    for name in chosen:
        if step in SINGLE and len(present[name]) < 2:
            raise StepRefused(f"The section {name} {SINGLE[step]}.{_other_sections(section, chosen)}")
    return present | {name: STEPS[step](present[name]) for name in chosen}


def _other_sections(section: str | None, chosen: Sequence[str]) -> str:
    return "" if section else f" Name one section: {' or '.join(chosen)}."


def parse_secrets(text: str) -> dict[str, Keys]:
    """Parse the present value. Raises StepRefused unless it has all sections, each with a key."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(value.get(name), dict) and value[name] for name in SECTIONS):
        raise StepRefused(
            f"Standard input has no keys in the sections {' and '.join(SECTIONS)}: pipe the parameter's present value."
        )
    return value


def main(arguments: list[str]) -> None:
    """Print the new value. Exits with 1 if nothing would change, with 2 for wrong arguments."""
    parser = argparse.ArgumentParser("python -m infra.secrets", description="Keys for the secrets parameter.")
    parser.add_argument("step", choices=STEPS)
    parser.add_argument("section", choices=SECTIONS, nargs="?")
    options = parser.parse_args(arguments)
    if options.step == "new" and options.section is not None:
        parser.error("`new` makes all sections: leave the section out")
    if options.step == "retire" and options.section is None:
        parser.error(f"`retire` needs a section, {' or '.join(SECTIONS)}: what the old keys made becomes invalid")
    try:
        present = {name: {} for name in SECTIONS} if options.step == "new" else parse_secrets(sys.stdin.read())
        print(json.dumps(apply_step(options.step, options.section, present)))
    except StepRefused as refused:
        print(refused, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])

"""What the Makefile hands to the programs that it starts."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SHOW = 'show: ; @echo STUDIO is "$$STUDIO"'


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(("arguments", "shown"), [(["STUDIO=1"], ""), (["STUDIO=off"], "off")])
def test_the_choice_of_a_demo_is_no_switch_of_the_stack(arguments: list[str], shown: str) -> None:
    """`make demo STUDIO=1` would hand on a STUDIO that the stack refuses: make exports what its command line sets."""
    command = ["make", "--silent", "--eval", SHOW, "show", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True)
    assert done.stdout == f"STUDIO is {shown}\n"

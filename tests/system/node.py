"""Node, and the npm packages of examples, installed once on a machine and outside the project."""

import getpass
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

PACKAGES = ("ws@8", "axios@1")
SECONDS = 120


@cache
def modules() -> Path:
    """A `node_modules` folder with the packages. The test is skipped if it cannot be installed."""
    folder = Path(tempfile.gettempdir()) / f"yardmaster-node-{getpass.getuser()}"
    if all((folder / "node_modules" / name.partition("@")[0]).is_dir() for name in PACKAGES):
        return folder / "node_modules"
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm, which are not on this machine")
    command = ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot install {' and '.join(PACKAGES)}: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


def place_script(script: Path, text: str, folder: Path) -> Path:
    """Write the script with this text to the folder where it finds the packages."""
    target = folder / script.name
    target.write_text(text)
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(modules())
    return target

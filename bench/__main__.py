"""`python -m bench`: run every module in a process of its own, and write bench/RESULTS.md."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.environment import PROCESSING
from bench.measure import Section, machine, run
from bench.report import page

MODULES = (
    "imports",
    "cpu",
    "calls",
    "other_apis",
    "projects",
    "conversations",
    "studio",
    "contents",
    "workspaces",
    "life",
    "scale",
    "sweep",
    "latency",
    "memory",
    "cost",
)
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    os.environ |= PROCESSING
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as fresh_process:
        sections = [_print_section(fresh_process.submit(run, module).result()) for module in MODULES]
    RESULTS.write_text(page(sections, machine()))
    print(f"written: {RESULTS}")


def _print_section(section: Section) -> Section:
    for figure in section.figures:
        target = f", target {figure.target}" if figure.target else ""
        mark = "" if figure.met else " MISSED"
        print(f"{section.title}: {figure.what}: {figure.measured}{target}{mark}", file=sys.stderr)
    return section


if __name__ == "__main__":
    main()

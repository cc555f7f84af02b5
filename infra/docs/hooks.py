"""Hooks of mkdocs: pages outside docs/ become pages of the site, links are rewritten for it, and diagrams are drawn by
the local copy of mermaid."""

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from infra.docs.links import EXTRA_PAGES, rewrite_links

ROOT = Path(__file__).parents[2]
MERMAID = ROOT / "build" / "docs" / "mermaid.min.js"
SCRIPT = "assets/mermaid.min.js"


def on_config(config: Any) -> Any:
    """Use the local copy of mermaid where there is one; else the theme's script loads it from unpkg.com."""
    if MERMAID.exists():
        config.extra_javascript.append(SCRIPT)
    return config


def on_files(files: Any, config: Any) -> Any:
    for path in EXTRA_PAGES:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    if MERMAID.exists():
        files.append(File.generated(config, SCRIPT, abs_src_path=str(MERMAID)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    path = page.file.src_uri
    return rewrite_links(markdown, path if path in EXTRA_PAGES else f"docs/{path}")

"""How Sphinx builds these pages: `make docs` writes docs/_build/index.html."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

project = "PyTorch Inference Lab"
author = "the authors of the PyTorch Inference Lab"
version = release = metadata.version("pytorch-inference-lab")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"


def _without_empty_list(app: Any, page: str, source: list[str]) -> None:
    """The benchmarks' pages are generated. Where there are none, a list of them would be a warning."""
    if page == "index" and not any(Path(app.srcdir, "benchmarks").glob("*.md")):
        parts = source[0].split("```{toctree}")
        source[0] = "```{toctree}".join(p for p in parts if "benchmarks/*" not in p)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _without_empty_list)

"""How Sphinx builds these pages: `make docs` writes docs/_build/index.html."""

from __future__ import annotations

from importlib import metadata

project = "PyTorch Inference Lab"
author = "the authors of the PyTorch Inference Lab"
version = release = metadata.version("pytorch-inference-lab")

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
# The benchmarks' pages are generated: a checkout may have none of them.
suppress_warnings = ["toc.empty_glob"]

myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {release}"

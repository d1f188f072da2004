"""The reporters in the box: a table for the terminal, Markdown, JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterable

import harness

from .csv import Csv
from .json import Json
from .markdown import Markdown
from .table import Table


@harness.hookimpl
def harness_reporters() -> Iterable[harness.Reporter]:
    yield Table()
    yield Markdown()
    yield Json()
    yield Csv()

"""Kits that share their processes: one for each subject, as long as the tests of this folder take."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.conformance.kit import IMPORTS, Item, Kit
from harness.conformance.subjects import subject
from harness.execute.launch import Launcher
from harness.records.conformance import FAILED, CheckResult

HERE = Path(__file__).parent


class Kits:
    """One kit for each subject."""

    def __init__(self, zygotes: Launcher) -> None:
        self._zygotes = zygotes
        self._kits: dict[tuple[str, float], Kit] = {}
        self._items: dict[tuple[str, float], list[Item]] = {}

    def kit(self, what: str, timeout_s: float = 120.0) -> Kit:
        key = (what, timeout_s)
        if key not in self._kits:
            path = HERE / what
            text = str(path) if what.endswith(".py") and path.is_file() else what
            self._kits[key] = Kit(subject(text), self._zygotes, timeout_s)
        return self._kits[key]

    def items(self, what: str, component: str = "", timeout_s: float = 120.0) -> list[Item]:
        """The checks of a subject, or of one of its components (`model tiny`)."""
        key = (what, timeout_s)
        if key not in self._items:
            self._items[key] = list(self.kit(*key).items())
        return [i for i in self._items[key] if not component or str(i.target) == component]

    def result(self, what: str, component: str, check: str, timeout_s: float = 120.0) -> CheckResult:
        (item,) = [i for i in self.items(what, component, timeout_s) if i.check.name == check]
        return self.kit(what, timeout_s).result(item)

    def failed(self, what: str, component: str = "", timeout_s: float = 120.0) -> dict[str, str]:
        """`component check` -> the reason, of every check that fails."""
        results = self.results(what, component, timeout_s)
        return {f"{r.component} {r.check}": r.reason or "" for r in results if r.status == FAILED}

    def results(self, what: str, component: str = "", timeout_s: float = 120.0) -> list[CheckResult]:
        kit = self.kit(what, timeout_s)
        return [kit.result(i) for i in self.items(what, component, timeout_s)]

    def close(self) -> None:
        for kit in self._kits.values():
            kit.close()


@pytest.fixture(scope="session")
def kits() -> Iterator[Kits]:
    folder = Path(tempfile.mkdtemp(prefix="harness-conformance-"))
    try:
        with Launcher(folder, imports=IMPORTS) as zygotes:
            made = Kits(zygotes)
            yield made
            made.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

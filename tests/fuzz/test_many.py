"""Twenty thousand examples and more: none brings a traceback, hangs, or makes the process grow."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from . import test_stored_files as files
from . import test_texts as texts
from .conftest import TRIED, fuzz, seeds

LEAST = 20_000
MOST_GROWTH_MIB = 150
"""Of all examples after the first few: caches fill, and the process keeps what it once had."""


def memory_mib() -> float:
    """What the process holds in memory now."""
    gc.collect()
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_twenty_thousand_texts_and_files_are_understood_or_refused(
    run_lines, comparison_lines, tmp_path, monkeypatch
):
    def every(share: float) -> None:
        def many(count: int) -> int:
            return max(20, round(count * share))

        fuzz("specs", texts.texts, texts.spec_strings, many(4500))
        fuzz("suites", texts.SUITE, texts.suite_files, many(3000))
        fuzz("claims", texts.CLAIMS, texts.claim_files, many(3000))
        fuzz("damaged TOML", seeds, texts.damaged_toml, many(2500))
        files.run_files(run_lines, tmp_path, many(3000))
        files.foreign_run_files(run_lines, tmp_path, many(2000))
        files.reports(tmp_path, many(1200))
        files.comparisons(comparison_lines, tmp_path, many(2000))
        files.caches(tmp_path, monkeypatch, many(1500))

    TRIED.clear()
    every(0.02)
    before = memory_mib()
    every(1.0)
    growth = memory_mib() - before
    print(f"{sum(TRIED.values())} examples ({dict(TRIED)}); grown by {growth:.0f} MiB from {before:.0f} MiB")
    assert sum(TRIED.values()) >= LEAST
    assert growth < MOST_GROWTH_MIB

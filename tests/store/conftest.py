"""A run file with one event of every kind."""

from __future__ import annotations

import pytest

from harness.records.events import (
    Built,
    Ended,
    Memory,
    MemoryMeasured,
    ReferenceMade,
    Resumed,
)
from harness.store.eventfile import EventWriter


@pytest.fixture(scope="session")
def events(build):
    """One event of every kind, the header apart."""
    case = build.planned("itself")
    return build.header([case]), [
        ReferenceMade([case.id], "ok", 0.5, "float64"),
        Built(case.id, "ok", 2.0, 1.5),
        build.sample(case, 0),
        MemoryMeasured(case.id, "ok", 1.0, Memory(host_run_peak=64.0)),
        build.sample(case, 1, 4.2),
        Ended("2026-11-22T17:45:00.000Z", "interrupted", "SIGINT"),
        Resumed("2026-11-22T18:00:00.000Z", "harness run --resume latest"),
        build.sample(case, 2, 4.1),
        Ended("2026-11-22T18:05:00.000Z", "finished"),
    ]


@pytest.fixture
def file(tmp_path, events):
    """A run file with these events."""
    header, rest = events
    path = tmp_path / "benchmarks" / "run.jsonl"
    writer = EventWriter(path, header)
    for event in rest:
        writer.write(event)
    writer.close()
    return path

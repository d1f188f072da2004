"""Where other work had the machine, no row is called the fastest, and no start is said to pay off."""

from __future__ import annotations

import dataclasses

import pytest
from harness_plugins.reporters.markdown import Markdown
from harness_plugins.reporters.table import Table

from harness.explain import text
from harness.explain.best import Limits, choices
from harness.explain.brief import brief
from harness.explain.explain import explained
from harness.records.events import Built
from harness.records.noise import UNTOLD, BlockNoise

BLOCKS = 5


@pytest.fixture
def run(build):
    """Makes a report of a baseline and a case twice as fast with a slow start; so many blocks of each
    replicate are suspect."""

    def make(suspect):
        base = build.planned("itself")
        fast = build.planned(base, runner="compile")
        audits = [BlockNoise(0.1, flags=["run delay"] if n < suspect else []) for n in range(BLOCKS)]
        events = [Built(fast.id, "ok", 3.0, 0.0)]
        for one, ms in ((base, 4.0), (fast, 2.0)):
            for number in range(3):
                timing = dataclasses.replace(build.timing([[ms + number / 100] * 4] * BLOCKS), noise=audits)
                events.append(build.sample(one, number, timing=timing, ready_s=5.0 if one is fast else 0.1))
        return explained(build.report([base, fast], events))

    return make


def test_on_a_quiet_machine_the_fastest_is_marked_and_its_start_earned_back(run):
    report = run(suspect=1)
    assert [r.best for r in report.records] == [False, True]
    shown = Table().render(report)
    assert "best correct; pays off after" in shown
    assert "* fastest correct" in shown
    assert "is fastest" in brief(report, report.records)[0]


def test_on_a_busy_one_it_cannot_be_told_and_every_number_is_there(run):
    report = run(suspect=BLOCKS)
    assert not any(r.best for r in report.records)
    assert all(r.break_even_calls is None for r in report.records)
    for shown in (Table().render(report), Markdown().render(report)):
        assert f"{UNTOLD}the machine was busy (30 of 30 blocks suspect)" in shown
        assert "best correct" not in shown
        assert "pays off after" not in shown
        assert "* fastest" not in shown
        assert "2.01" in shown
    limits = Limits()
    busy = report.run.noise.busy
    told = text.text(report, choices(report.records, limits, busy), limits, text.Style(110, False))
    assert "fastest cannot be told: the machine was busy" in " ".join(told.split())
    assert "fastest correct:" not in told
    assert brief(report, report.records) == [
        "Which configuration is fastest cannot be told: the machine was busy (30 of 30 blocks suspect).",
        "Measure again when the machine is idle: `harness doctor` names what disturbs it.",
    ]


def test_half_of_the_blocks_are_the_limit_as_for_claims(run):
    assert any(r.best for r in run(suspect=2).records)
    assert not any(r.best for r in run(suspect=3).records)

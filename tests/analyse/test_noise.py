"""How quiet a machine was, in flags and in one line."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.analyse import noise
from harness.analyse.analyse import analyse
from harness.catalogue import Catalogue, load
from harness.records import codec
from harness.records.noise import BlockNoise, NoiseSummary

QUIET = BlockNoise(wall_s=0.1)


def noisy(*flags: str) -> BlockNoise:
    return BlockNoise(wall_s=0.1, flags=list(flags))


def test_blocks_without_a_flag_are_quiet():
    assert noise.summary([QUIET] * 3) == NoiseSummary(3, 0)
    assert noise.line(NoiseSummary(3, 0)) == "quiet"


def test_the_most_frequent_channel_comes_first():
    found = noise.summary([noisy("canary"), noisy("steal", "canary"), QUIET, noisy("run delay", "canary")])
    assert found == NoiseSummary(4, 3, {"canary": 3, "run delay": 1, "steal": 1})
    assert found is not None
    assert noise.line(found) == "noisy: 3 of 4 blocks suspect (canary, run delay, steal)"


def test_one_suspect_block_among_many_leaves_a_machine_mostly_quiet():
    found = noise.summary([QUIET] * 44 + [noisy("canary")])
    assert found is not None
    assert noise.line(found) == "mostly quiet: 1 of 45 blocks suspect (canary)"


def test_where_nothing_was_audited_nothing_is_said():
    assert noise.summary([]) is None
    assert noise.flags([]) == []


# ---- in a report -------------------------------------------------------------------------------------


def run(build, first: list[BlockNoise], second: list[BlockNoise]):
    """A run of two cases with these audits."""
    base = build.planned("itself")
    other = build.planned(base, precision="bf16-true")
    timings = [dataclasses.replace(build.timing([[4.0] * 4] * 5), noise=blocks) for blocks in (first, second)]
    events = [build.sample(c, 0, timing=t) for c, t in zip((base, other), timings, strict=True)]
    return build.stored([base, other], events)


def text(name: str, report) -> str:
    return Catalogue(load(only=())).get("reporter", name).component.render(report)


def test_a_case_has_its_own_flags_and_the_run_those_of_all(build):
    report = analyse(run(build, [QUIET] * 5, [noisy("steal")] * 2 + [QUIET] * 3))
    assert [r.noise for r in report.records] == [[], ["steal"]]
    assert report.run.noise == NoiseSummary(10, 2, {"steal": 2})
    assert json.loads(codec.pretty(report))["run"]["noise"] == {
        "blocks": 10,
        "suspect": 2,
        "flags": {"steal": 2},
    }


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("table", "\nthe machine was noisy: 2 of 10 blocks suspect (steal)\n"),
        ("markdown", "\n- The machine was noisy: 2 of 10 blocks suspect (steal)\n"),
    ],
)
def test_people_see_it_in_one_line(build, name, line):
    assert line in text(name, analyse(run(build, [QUIET] * 5, [noisy("steal")] * 2 + [QUIET] * 3)))
    assert "he machine was quiet\n" in text(name, analyse(run(build, [QUIET] * 5, [QUIET] * 5)))


@pytest.mark.parametrize("name", ["table", "markdown"])
def test_files_of_before_there_were_audits_say_nothing(build, name):
    report = analyse(run(build, [], []))
    assert report.run.noise is None
    assert "he machine was" not in text(name, report)

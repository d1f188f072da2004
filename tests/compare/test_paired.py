"""From stored pairs to the report of a comparison: what leads, what counts, what is said of a side."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from harness.compare.paired import DEVICE, LATENCY, blocks_of, primary, report_of
from harness.records.calibration import Spreads
from harness.records.events import Ended
from harness.records.noise import BlockNoise
from harness.records.packed import pack_ns
from harness.records.pairs import ArmEnd, ArmPlan, ComparisonStarted, PairBlock, PairMeasured
from harness.records.settings import Settings
from harness.store.comparisonfile import StoredComparison

NOISE = BlockNoise(0.1)


@pytest.fixture
def make(build):
    """A comparison of so many pairs; times in milliseconds by arm, with a spread between processes."""

    def stored(
        ms=(4.0, 4.0), pairs=20, mode="standard", device=None, sd=0.002, host_sd=None, suspect=(), **changes
    ):
        plans = [
            ArmPlan(name, build.planned(), build.environment())
            for name in ("base", "new", "new 2")[: len(ms)]
        ]
        header = ComparisonStarted(
            1, "c", "2026-11-22T17:41:26Z", "harness compare", 0, "0.1.0", mode, 0.99, 0.01, Settings(), plans
        )
        draw = random.Random(1)
        run = StoredComparison(replace(header, **changes))
        fine = [ArmEnd("ok", 1.0, verification=build.verification()) for _ in ms]
        run.add(PairMeasured(0, "x", 1.0, list(range(len(ms))), [], fine))
        for number in range(1, pairs + 1):
            blocks = []
            for arm, time_ms in enumerate(ms):
                host = time_ms * (1 + draw.gauss(0, sd if host_sd is None else host_sd))
                on_device = device[arm] * 1e6 * (1 + draw.gauss(0, sd)) if device else None
                noise = BlockNoise(0.1, flags=["steal"]) if number in suspect else NOISE
                blocks += [
                    PairBlock(arm, r, pack_ns([round(host * 1e6)] * 5), 0, noise, on_device) for r in range(3)
                ]
            run.add(PairMeasured(number, "x", 1.0, list(range(len(ms))), blocks, fine))
        run.add(Ended("y", "finished"))
        return run

    return stored


def test_equal_sides_are_equivalent_and_a_slower_one_is_slower_by_so_much(make):
    assert report_of(make()).compared[0].latency.word == "equivalent"
    found = report_of(make((4.0, 4.2))).compared[0]
    assert (found.latency.word, found.latency.material) == ("slower", True)
    assert found.latency.ratio == pytest.approx(1.05, rel=0.005)
    assert found.base.latency_ms.median == pytest.approx(4.0, rel=0.005)
    assert found.device is None


def test_several_new_sides_are_judged_together(make):
    report = report_of(make((4.0, 4.0, 5.0)))
    assert [c.new.name for c in report.compared] == ["new", "new 2"]
    assert [c.latency.word for c in report.compared] == ["equivalent", "slower"]
    assert report.compared[1].latency.level > 0.99


def test_on_an_accelerator_device_time_has_a_verdict_of_its_own_and_decides_when_it_is_enough(make):
    run = make((0.20, 0.21), pairs=20, device=(0.100, 0.103), host_sd=0.1)
    pairs = [p for p in run.pairs if p.number]
    assert primary(pairs, [0, 1]) == DEVICE
    one = report_of(run).compared[0]
    assert (one.device.word, one.device.pairs) == ("slower", 20)
    assert one.device.ratio == pytest.approx(1.03, rel=0.005)
    assert (one.latency.word, one.latency.pairs) == ("inconclusive", 20)
    assert one.new.device_ms.median == pytest.approx(0.103, rel=0.005)


def test_without_device_time_in_every_block_latency_decides(make):
    run = make(device=(1.0, 1.0))
    last = run.pairs[-1]
    run.pairs[-1] = replace(last, blocks=[replace(last.blocks[0], device_ns=None), *last.blocks[1:]])
    assert primary([p for p in run.pairs if p.number], [0, 1]) == LATENCY
    assert report_of(run).compared[0].device is None


def test_the_ratio_of_the_two_sides_times_is_the_ratio_that_is_judged(make):
    for run in (make((4.0, 4.3), sd=0.05), make((4.0, 4.3), pairs=22, suspect=(3, 7), sd=0.05)):
        one = report_of(run).compared[0]
        times = one.new.latency_ms.median / one.base.latency_ms.median
        assert times == pytest.approx(one.latency.ratio, rel=1e-9)


def test_short_calls_are_told_by_the_call_and_not_by_the_loop(make):
    run = make((1.0, 1.0))
    run.pairs[:] = [
        replace(p, arms=[replace(a, calls_per_stamp=100, empty_ns=10.0) for a in p.arms]) for p in run.pairs
    ]
    assert report_of(run).compared[0].base.latency_ms.median == pytest.approx(1 / 100 - 1e-5, rel=0.01)


def test_a_side_that_failed_in_a_pair_has_its_status_and_no_verdict(make):
    run = make(pairs=12)
    last = run.pairs[-1]
    crashed = ArmEnd("crashed", 1.0, reason="killed by SIGSEGV while measuring")
    run.pairs[-1] = replace(last, arms=[last.arms[0], crashed], blocks=last.blocks[:2])
    one = report_of(run).compared[0]
    assert (one.new.status, one.new.reason) == ("crashed", "killed by SIGSEGV while measuring")
    assert one.base.status == "ok"
    assert one.latency is None
    assert len(one.new.latency_ms.replicates) == 11


def test_a_side_that_failed_the_trial_has_no_verdict_and_the_others_have(make):
    run = make((4.0, 4.0, 4.0))
    wrong = ArmEnd("incorrect", 1.0, reason="error 3 is above the limit 0.0001")
    left_out = ArmEnd("not_reached", 0.0)
    run.pairs[:] = [
        replace(
            p,
            arms=[p.arms[0], wrong if p.number == 0 else left_out, p.arms[2]],
            blocks=[b for b in p.blocks if b.arm != 1],
        )
        for p in run.pairs
    ]
    report = report_of(run)
    assert (report.compared[0].new.status, report.compared[0].latency) == ("incorrect", None)
    assert report.compared[1].latency.word == "equivalent"


def test_a_comparison_that_was_cut_short_says_what_it_can(make):
    run = make(pairs=4)
    run.ended = None
    report = report_of(run)
    assert report.comparison.status == "running"
    assert report.compared[0].latency.pairs == 4
    trial_only = make(pairs=0)
    assert report_of(trial_only).compared[0].latency is None


def test_pairs_without_a_quiet_round_are_left_out_while_they_are_few(make):
    one = report_of(make(pairs=22, suspect=(3, 7))).compared[0]
    assert (one.latency.word, one.latency.pairs) == ("equivalent", 20)
    noisy = report_of(make(pairs=40, suspect=range(1, 20))).compared[0]
    assert noisy.latency.word == "inconclusive"
    assert noisy.latency.reason.startswith("the machine is noisy")


def test_blocks_of_zero_time_say_nothing(make):
    pair = make(pairs=1).pairs[1]
    zero = replace(pair.blocks[0], stamps_ns=pack_ns([0, 0, 0]))
    assert len(blocks_of(replace(pair, blocks=[zero, *pair.blocks[1:]]), (0, 1), LATENCY)) == 5


def test_ten_pairs_on_a_machine_that_nobody_calibrated_say_so(make):
    def warned(**changes):
        return any("uncalibrated" in w for w in report_of(make(pairs=10, **changes)).comparison.warnings)

    assert warned(mode="quick")
    assert not warned(mode="quick", calibration=Spreads(1, "x", {"4": 0.01}, {"4": 0.01}))
    assert not warned(mode="standard")

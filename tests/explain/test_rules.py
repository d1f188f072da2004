"""Each cause is found from its evidence, and from nothing else."""

import dataclasses

import pytest

from harness.explain.explain import explained
from harness.records.anatomy import KernelUse, OperatorShare
from harness.records.events import Sample
from harness.records.noise import BlockNoise

HALF = {"formats": {"bfloat16": 7}, "flops_by_format": {"bfloat16": 200_000_000}}
KERNEL = [KernelUse("oneDNN", "brg_matmul:avx512_core_bf16", 4, 1.0, "bf16 bf16 bf16")]


def test_a_faster_format_names_the_kernel_that_ran(lab, parts, asks):
    lab.case(parts({"matmul": 3.8, "elementwise": 0.2}), 4.0)
    one = lab.case(
        parts({"matmul": 1.4, "elementwise": 0.1}, kernels=KERNEL, demand=asks(**HALF)),
        1.5,
        precision="bf16-true",
    )
    record = lab.record(one)
    assert record.explanation.key == "native-format"
    assert "brg_matmul:avx512_core_bf16" in record.explanation.text
    assert "96 %" in record.explanation.text


def test_half_the_bytes_explain_a_gain_where_memory_binds(lab, parts, asks):
    size = 256 << 20
    lab.case(parts({"matmul": 10.0}, demand=asks(moved_bytes=size, least_bytes=size)), 10.0)
    less = asks(moved_bytes=size // 2, least_bytes=size // 2, **HALF)
    one = lab.case(parts({"matmul": 5.0}, kernels=KERNEL, demand=less), 5.0, precision="bf16-true")
    assert lab.record(one).explanation.key == "half-the-bytes"


def test_fused_operators_explain_a_gain_beside_the_products(lab, parts):
    lab.case(parts({"elementwise": 3.0, "matmul": 1.0}), 4.0)
    one = lab.case(
        parts({"generated": 0.5, "matmul": 1.0}), 1.5, runner="compile", facts={"generated_kernels": 3}
    )
    record = lab.record(one)
    assert record.explanation.key == "fused"
    assert "3 generated kernels" in record.explanation.text


def test_other_kernels_for_the_same_products_are_told_with_how_weights_lie(lab, parts):
    lab.case(parts({"matmul": 4.0}), 4.0)
    gemm = [OperatorShare("Gemm", "matmul", 4, 2.0)]
    packed = lab.case(
        parts({"matmul": 2.0}, operators=gemm), 2.0, runner="onnxruntime", facts={"prepacking": True}
    )
    other = lab.case(parts({"matmul": 2.0}, operators=gemm), 2.0, runner="compile")
    assert lab.record(packed).explanation.key == "prepacked"
    assert lab.record(other).explanation.key == "other-kernels"


def test_amdahl_bounds_what_a_runner_can_gain(lab, parts):
    lab.case(parts({"matmul": 3.8, "elementwise": 0.2}), 4.0)
    one = lab.case(
        parts({"matmul": 3.8, "generated": 0.2}), 4.02, runner="compile", facts={"generated_kernels": 1}
    )
    found = next(f for f in lab.record(one).findings if f.key == "amdahl")
    assert found.evidence["amdahl_bound"] == pytest.approx(1 / 0.95, rel=1e-3)
    assert lab.record(one).explanation.key == "amdahl"


def test_casts_explain_why_autocast_gains_nothing(lab, parts, asks):
    lab.case(parts({"matmul": 2.0}), 2.0)
    wanted = asks(casts=9, weight_casts=8, cast_bytes=60 << 20, **HALF)
    one = lab.case(parts({"matmul": 1.0, "cast": 1.1}, demand=wanted), 2.1, precision="bf16-amp")
    record = lab.record(one)
    assert record.explanation.key == "casts"
    assert "9 casts in every call, 8 of them of weights" in record.explanation.text
    assert record.findings[0].intervention.new == {"precision": "bf16-true"}


def test_autocast_keeps_the_weights_and_says_what_saves_them(lab, parts, asks, memory):
    lab.case(parts({"matmul": 4.0}), 4.0, memory=memory(40.0))
    one = lab.case(
        parts({"matmul": 2.0}, kernels=KERNEL, demand=asks(casts=9, weight_casts=8, **HALF)), 2.0,
        precision="bf16-amp", memory=memory(40.0),
    )  # fmt: skip
    true = lab.case(
        parts({"matmul": 2.0}, kernels=KERNEL, demand=asks(**HALF)),
        2.0,
        precision="bf16-true",
        memory=memory(20.0),
    )
    assert "weights-kept" in lab.keys_of(one)
    assert "weights-cast" in lab.keys_of(true)


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"graph_breaks": 2, "graphs": 3, "graph_break_reasons": ["net.py:4: a branch"]}, "graph-breaks"),
        ({"recompiles": 3, "recompile_reasons": ["forward: size mismatch"]}, "recompiles"),
        ({"providers": ["Fast", "Slow"], "nodes": {"Fast": 3, "Slow": 4}}, "fallback"),
    ],
)
def test_what_a_runner_says_of_itself_is_told(lab, parts, facts, key):
    lab.case(parts({"elementwise": 4.0}), 4.0)
    one = lab.case(parts({"elementwise": 4.4}), 4.4, runner="compile", facts=facts)
    assert key in lab.keys_of(one)
    assert lab.record(one).explanation.key == key


def test_nodes_where_they_were_asked_for_are_no_fallback(lab, parts):
    lab.case(parts({"elementwise": 4.0}), 4.0)
    one = lab.case(
        parts({"elementwise": 2.0}),
        2.0,
        runner="onnxruntime",
        facts={"providers": ["Slow"], "nodes": {"Slow": 7}},
    )
    found = lab.keys_of(one)
    assert "fallback" not in found


def test_a_runner_that_runs_what_its_baseline_runs_is_found_out(lab, parts):
    lab.case(parts({"matmul": 4.0}), 4.0)
    one = lab.case(parts({"matmul": 4.1}), 4.1, runner="pretender")
    other = lab.case(
        parts({"matmul": 4.1}, operators=[OperatorShare("aten::mm", "matmul", 1, 4.1)]), 4.1, runner="compile"
    )
    found = lab.keys_of(one)
    assert "same-operators" in found
    assert "same-operators" not in lab.keys_of(other)


def test_an_emulated_format_is_the_cause_of_its_own_slowness(lab, parts, asks):
    lab.case(parts({"matmul": 1.0}), 1.0)
    one = lab.case(
        parts({"matmul": 9.0}, demand=asks(casts=8)), 9.0, precision="fp16-amp",
        sample={"warnings": []}, emulated="this CPU has no float16 arithmetic",
    )  # fmt: skip
    assert lab.record(one).explanation.key == "emulated"


def test_page_faults_are_told_where_they_take_a_share_worth_telling(lab, parts):
    lab.case(parts({"elementwise": 10.0}, page_faults=20_000.0), 10.0)
    found = next(f for f in lab.record().findings if f.key == "page-faults")
    assert found.intervention.new == {"runner": "eager:allocator=retained"}
    assert found.evidence["page_faults"] == 20_000


def test_some_page_faults_are_nothing(lab, parts):
    lab.case(parts({"elementwise": 10.0}, page_faults=100.0), 10.0)
    assert "page-faults" not in lab.keys_of()


@pytest.mark.parametrize(
    ("taken", "key"),
    [
        ({"parts": {"copy": 3.0, "matmul": 1.0}}, "copies"),
        ({"parts": {"lookup": 3.0, "matmul": 1.0}}, "lookup"),
    ],
)
def test_what_only_moves_or_looks_up_is_told(lab, parts, taken, key):
    lab.case(parts(taken["parts"]), 4.0)
    assert key in lab.keys_of()


def test_copies_of_rounded_weights_are_not_called_changes_of_the_layout(lab, parts, asks):
    """Which of them convert cannot be told, since the model that was watched is another one."""
    taken = {"copy": 3.0, "matmul": 1.0}
    lab.case(parts(taken), 4.0)
    (plain,) = [f for f in lab.record().findings if f.key == "copies"]
    assert "layouts are changed" in plain.cause
    one = lab.case(parts(taken, demand=asks(stand_in=True)), 8.0, precision="int8-weight-only")
    (rounded,) = [f for f in lab.record(one).findings if f.key == "copies"]
    assert "layouts are changed" not in rounded.cause
    assert "what was rounded is brought into another format or layout" in rounded.cause


def _quantised(lab, parts, taken):
    lab.case(parts({"matmul": 4.0}), 4.0)
    facts = {"quantised": {"by": "somebody"}}
    return lab.case(parts(taken), sum(taken.values()), precision="int8-weight-only", facts=facts)


def test_converting_what_was_rounded_is_why_int8_is_slower_even_where_no_kind_of_operator_has_half(
    lab, parts
):
    spread_out = {"matmul": 3.5, "elementwise": 1.5, "copy": 1.5, "cast": 1.5}
    (found,) = [f for f in lab.record(_quantised(lab, parts, spread_out)).findings if f.kind == "no gain"]
    assert found.key == "unpacking"
    assert "4.50 ms" in found.cause and "saves 0.500 ms of its products" in found.cause
    assert found.evidence["share_of_loss"] == 1.0
    assert found.evidence["quantised_by"] == "somebody"


def test_slower_products_under_int8_are_not_blamed_on_converting(lab, parts):
    one = _quantised(lab, parts, {"matmul": 9.0, "elementwise": 0.5})
    assert "unpacking" not in {f.key for f in lab.record(one).findings}


def test_silent_float64_is_told_with_its_count(lab, parts, asks):
    lab.case(parts({"matmul": 4.0}, demand=asks(formats={"float32": 3, "float64": 4})), 4.0)
    found = next(f for f in lab.record().findings if f.key == "float64")
    assert "4 of 7" in found.phenomenon


def test_busy_threads_with_nothing_to_do_are_told(lab, parts, asks):
    few = asks(
        flops=1000, flops_by_format={"float32": 1000}, moved_bytes=1000, least_bytes=1000, operators=60
    )
    lab.case(parts({"matmul": 1.0}, cpu_ms=1.9, demand=few), 1.0)
    found = next(f for f in lab.record().findings if f.key == "threads")
    assert found.intervention.new == {"threads": "1"}


def test_an_incorrect_row_says_by_how_much(lab, parts, build):
    lab.case(parts({"matmul": 4.0}), 4.0)
    wrong = {"verification": build.verification(False, 0.31, tolerance=0.08)}
    one = lab.case(parts({"matmul": 1.0}), 1.0, precision="int8-dynamic", status="incorrect", sample=wrong)
    record = lab.record(one)
    assert record.explanation.key == "incorrect"
    assert "4 times the limit" in record.findings[0].phenomenon


def test_weights_that_became_zero_explain_an_incorrect_row(lab, parts, build):
    lab.case(parts({"matmul": 4.0}), 4.0)
    wrong = {"verification": build.verification(False, 0.9, tolerance=0.08)}
    facts = {"quantised": {"matrices": 2, "worst": "w1", "zeroed_share": 0.97, "peak_over_rms": 500.0}}
    one = lab.case(
        parts({"matmul": 1.0}), 1.0, precision="int8-dynamic", status="incorrect", sample=wrong, facts=facts
    )
    assert lab.record(one).explanation.key == "saturated"
    assert lab.keys_of(one) & {"incorrect", "saturated"} == {"saturated"}


def test_an_interval_too_wide_is_said_to_be_that_and_no_cause_is_made_up(lab, parts):
    lab.case(parts({"elementwise": 4.0}), 4.0, spread=0.5)
    one = lab.case(parts({"generated": 3.0}), 3.0, spread=0.0, runner="compile")
    record = lab.record(one)
    assert "too-noisy" in {f.key for f in record.findings}
    assert not record.explanation.explained


def test_a_slow_start_is_earned_back_or_not_mentioned(lab, parts):
    lab.case(parts({"elementwise": 4.0}), 4.0)
    one = lab.case(parts({"elementwise": 1.0}), 1.0, runner="compile", sample={"ready_s": 10.0})
    assert "pays-off" in lab.keys_of(one)


def test_growth_with_the_batch_has_a_knee(lab, parts, build):
    lab.cases.clear()
    for size, ms in ((1, 1.0), (4, 1.1), (16, 1.4), (64, 3.0), (256, 12.0)):
        one = build.planned("itself", batch_size=size)
        lab.base = one
        lab.cases.append(one)
        lab.case(parts({"matmul": ms}), ms)
    found = next(f for f in lab.report().findings if f.key == "batch-knee")
    assert found.evidence["knee"] == 64
    assert "throughput grows 21.3x and latency 12.0x" in found.phenomenon


def test_from_where_on_a_runner_pays_is_told_only_where_it_depends_on_the_batch(lab, parts, build):
    lab.cases.clear()
    for size, base_ms, ms in ((1, 1.0, 1.5), (16, 2.0, 2.4), (64, 8.0, 4.0)):
        lab.base = build.planned("itself", batch_size=size)
        lab.cases.append(lab.base)
        lab.case(parts({"elementwise": base_ms}), base_ms)
        lab.case(
            parts({"generated": ms}), ms, runner="compile", batch_size=size, facts={"generated_kernels": 1}
        )
    found = next(f for f in lab.report().findings if f.key == "pays-from")
    assert "from batch 64 on" in found.phenomenon


def test_where_one_batch_size_is_too_noisy_to_say_nobody_knows_from_where_on_it_pays(lab, parts, build):
    lab.cases.clear()
    for size, base_ms, ms, spread in ((1, 1.0, 0.8, 0.6), (64, 8.0, 4.0, 0.01)):
        lab.base = build.planned("itself", batch_size=size)
        lab.cases.append(lab.base)
        lab.case(parts({"elementwise": base_ms}), base_ms)
        lab.case(parts({"generated": ms}), ms, spread=spread, runner="compile", batch_size=size)
    assert "pays-from" not in {f.key for f in lab.report().findings}


def test_spinning_is_told_where_other_work_took_the_processors(lab, parts, build):
    lab.case(parts({"matmul": 4.0}), 4.0)
    gemm = [OperatorShare("Gemm", "matmul", 4, 4.4)]
    one = lab.case(
        parts({"matmul": 4.4}, operators=gemm), 4.4, runner="onnxruntime", facts={"spinning": True}
    )
    assert "spinning" not in lab.keys_of(one), "on a quiet machine spinning is what makes it quick"
    lab.events = [e for e in lab.events if not isinstance(e, Sample) or e.case != one.id]
    audits = [BlockNoise(0.1, flags=["run delay"])] * 5
    disturbed = dataclasses.replace(build.timing([[4.4] * 4] * 5), noise=audits)
    lab.events += [build.sample(one, n, timing=disturbed, facts={"spinning": True}) for n in range(3)]
    assert "spinning" in lab.keys_of(one)


def test_on_a_device_the_host_takes_what_the_device_is_idle_for(lab, parts, build):
    lab.ceilings = [dataclasses.replace(lab.ceilings[0], device="cuda")]
    lab.cases.clear()
    lab.base = build.planned("itself", device="cuda")
    lab.cases.append(lab.base)
    slow = dataclasses.replace(build.timing([[0.2] * 4] * 5), device_ns=[40_000.0] * 5)
    lab.case(
        parts({"matmul": 0.04}, outside=0.16, device_ms=0.04, launches=7.0),
        0.2,
        sample={"timing": slow},
        spread=0.0,
    )
    record = lab.record()
    assert record.place.bound == "host"
    assert record.place.host == pytest.approx(0.8, rel=1e-3)
    found = next(f for f in record.findings if f.key == "host-bound")
    assert "5.00x at most" in found.cause
    assert found.intervention.new == {"runner": "cudagraph"}


def test_products_that_another_runner_does_sooner_are_the_library_s(lab, parts):
    lab.case(parts({"matmul": 4.8, "elementwise": 0.2}, kernels=[KernelUse("MKL", "SGEMM", 4, 1.2)]), 5.0)
    gemm = [OperatorShare("Gemm", "matmul", 4, 2.0)]
    other = lab.case(parts({"matmul": 2.0}, operators=gemm), 2.0, runner="onnxruntime")
    record = lab.record()
    assert record.explanation.key == "library-kernels"
    assert "MKL's SGEMM" in record.explanation.text
    assert record.findings[0].records == [record.id, other.id]


def test_another_format_says_nothing_of_the_library(lab, parts, asks):
    lab.case(parts({"matmul": 4.8}), 4.8)
    lab.case(parts({"matmul": 2.0}, kernels=KERNEL, demand=asks(**HALF)), 2.0, precision="bf16-true")
    found = next(f for f in lab.record().findings if f.key == "library-kernels")
    assert found.records == [lab.base.id]
    assert "other_products_ms" not in found.evidence


def test_a_trouble_that_takes_little_is_not_the_cause_of_a_row(lab, parts, asks):
    taken = parts(
        {"matmul": 10.0},
        page_faults=10_000.0,
        demand=asks(flops=1_800_000_000, flops_by_format={"float32": 1_800_000_000}),
    )
    lab.case(taken, 10.0)
    record = lab.record()
    assert {"page-faults", "arithmetic-bound"} <= {f.key for f in record.findings}
    assert record.explanation.key == "arithmetic-bound"


def test_products_far_from_every_ceiling_are_limited_by_their_kernels(lab, parts):
    lab.case(parts({"matmul": 4.8, "elementwise": 0.2}, kernels=[KernelUse("MKL", "SGEMM", 4, 1.2)]), 5.0)
    record = lab.record()
    assert record.explanation.key == "library-kernels"
    assert "MKL's SGEMM" in record.explanation.text
    found = next(f for f in record.findings if f.key == "library-kernels")
    assert found.evidence["share_of_arithmetic"] == pytest.approx(0.2, rel=1e-3)
    assert found.intervention.new == {"runner": "onnxruntime"}
    # All but the products could bring 1.04 times at most: the experiment must show more.
    assert found.intervention.beyond == pytest.approx(5.0 / 4.8)


def test_products_that_two_ceilings_account_for_together_are_not_their_kernels_fault(lab, parts, asks):
    near = asks(flops=400_000_000, flops_by_format={"float32": 400_000_000}, moved_bytes=80 << 20)
    lab.case(parts({"matmul": 4.8, "elementwise": 0.2}, demand=near), 5.0)
    record = lab.record()
    assert record.place.bound == "none"
    assert record.place.arithmetic + record.place.memory > 0.5
    assert not record.explanation.explained


def test_what_the_products_gain_and_casts_lose_again_is_said(lab, parts, asks):
    lab.case(parts({"matmul": 4.8, "elementwise": 0.2}), 5.0)
    taken = parts({"matmul": 1.0, "generated": 2.0}, demand=asks(**HALF))
    one = lab.case(taken, 3.0, runner="compile", precision="fp16-amp")
    said = next(f for f in lab.record(one).findings if f.key == "other-kernels")
    assert "47 % of that is lost again in its generated code" in said.cause


def _in_processes(lab, build, times, faults, **axes):
    """A case of which each process took this long, with so many page faults in a call."""
    one = build.planned(lab.base, **axes) if axes else lab.base
    if axes:
        lab.cases.append(one)
    for n, (ms, count) in enumerate(zip(times, faults, strict=True)):
        blocks = [BlockNoise(0.1, minor_faults=count * 4)] * 5
        timing = dataclasses.replace(build.timing([[ms] * 4] * 5), noise=blocks)
        lab.events.append(build.sample(one, n, ms, timing=timing))
    return one


@pytest.mark.parametrize(
    ("times", "faults", "told"),
    [
        ((2.7, 3.7, 8.8, 9.6), (0, 395, 4002, 4064), True),
        ((3.9, 6.9, 6.9, 7.6), (0, 2528, 2047, 2403), True),
        ((2.7, 3.7, 8.8, 9.6), (4002, 4064, 0, 395), False),  # the quick ones have them
        ((2.7, 3.7, 8.8, 9.6), (0, 3, 40, 40), False),  # too few to cost as much
        ((2.7, 8.8, 3.7, 9.6), (0, 395, 4002, 4064), False),  # no line
        ((2.7, 2.8, 2.9, 3.0), (0, 395, 4002, 4064), False),  # no difference worth a cause
        ((2.7, 9.6), (0, 4064), False),  # two processes would agree with anything
    ],
)
def test_processes_that_page_faults_made_slow_are_told_from_others(lab, build, times, faults, told):
    _in_processes(lab, build, times, faults)
    lab.ceilings = [dataclasses.replace(c, fault_us=2.6) for c in lab.ceilings]
    record = lab.record()
    assert record.page_faults_each == [float(f) for f in faults]
    found = [f for f in record.findings if f.key == "uneven-faults"]
    assert bool(found) == told
    if told:
        assert found[0].intervention.new == {"runner": "eager:allocator=retained"}


def test_why_no_one_can_say_whether_a_row_is_faster_is_that_its_processes_differ(lab, build, parts):
    lab.case(parts({"matmul": 5.0}), 5.0)
    one = _in_processes(lab, build, (2.7, 8.8, 9.6), (0, 4002, 4064), precision="bf16-amp")
    lab.ceilings = [dataclasses.replace(c, fault_us=2.6) for c in lab.ceilings]
    record = lab.record(one)
    assert {"too-noisy", "uneven-faults"} <= {f.key for f in record.findings}
    assert record.explanation.key == "uneven-faults"


def test_a_process_that_other_work_slowed_down_is_no_witness_of_the_parts(lab, parts):
    lab.case(parts({"matmul": 2.0, "elementwise": 2.0}), 4.0)
    taken = parts({"matmul": 40.0, "generated": 0.1})
    one = lab.case(taken, 5.0, runner="compile")
    record = lab.record(one)
    assert not record.explanation.explained
    assert "a call took 40.1 ms and not 5.00 ms" in record.explanation.ruled_out[0]


def _faulting(lab, report, faults):
    """The report explained again, its records with so many page faults in a call."""
    records = [
        dataclasses.replace(r, page_faults=float(f)) for r, f in zip(report.records, faults, strict=True)
    ]
    return explained(dataclasses.replace(report, records=records)).records


def test_page_faults_inside_of_products_are_not_their_kernels_fault(lab, parts):
    """A library's products write their results into new pages, and their time is the kernel's of the system."""
    lab.case(parts({"matmul": 6.5, "elementwise": 0.5}, kernels=[KernelUse("oneDNN", "jit", 4, 6.0)]), 7.0)
    gemm = [OperatorShare("Conv", "matmul", 4, 2.8)]
    lab.case(parts({"matmul": 2.8}, operators=gemm), 2.8, runner="onnxruntime")
    lab.ceilings = [dataclasses.replace(c, fault_us=2.6) for c in lab.ceilings]
    base, other = _faulting(lab, lab.report(), (2530, 0))
    assert "library-kernels" not in {f.key for f in base.findings}
    assert other.explanation.key == "kept-pages"
    assert "2530 page faults" in other.explanation.text
    few = _faulting(lab, lab.report(), (500, 0))[1]
    assert few.explanation.key == "other-kernels"
    assert "page faults that it does not have" in few.explanation.text
    none = _faulting(lab, lab.report(), (0, 0))
    assert none[0].explanation.key == "library-kernels"
    assert "page faults" not in none[1].explanation.text


def test_the_same_runner_with_another_option_has_no_kernels_of_its_own(lab, parts):
    lab.case(parts({"matmul": 6.5, "elementwise": 0.5}), 7.0)
    label = {"model": "mlp", "runner": "eager:allocator=retained"}
    one = lab.case(parts({"matmul": 3.0}), 3.0, options={"allocator": "retained"}, label=label)
    assert "other-kernels" not in lab.keys_of(one)


def test_what_is_not_known_to_be_faster_shows_nothing_of_the_baseline(lab, parts):
    lab.case(parts({"matmul": 4.8, "elementwise": 0.2}), 5.0)
    gemm = [OperatorShare("Gemm", "matmul", 4, 2.0)]
    one = lab.case(parts({"matmul": 2.0}, operators=gemm), 4.0, runner="onnxruntime", spread=0.4)
    assert (
        lab.record(one).explanation.ruled_out[0]
        == "whether it differs from fp32 on eager at all is not known"
    )
    found = next(f for f in lab.record().findings if f.key == "library-kernels")
    assert "onnxruntime" not in found.cause


def test_a_row_that_is_faster_than_the_machine_has_that_finding_alone(lab, parts):
    lab.case(parts({"matmul": 3.0, "elementwise": 1.0}), 4.0)
    kept = lab.case(parts({"matmul": 0.0001}), 0.0001, runner="compile")
    record = lab.record(kept)
    assert [f.key for f in record.findings] == ["impossible"]
    assert record.findings[0].evidence["flops"] == 200_000_000
    assert record.explanation.key == "impossible"
    assert "not done in the call" in record.explanation.text


def test_one_process_that_took_half_the_time_is_not_called_as_fast(lab, parts):
    same = parts({"matmul": 3.9, "elementwise": 0.1})
    lab.case(same, 4.0)
    quick = lab.case(parts({"matmul": 1.9, "elementwise": 0.1}), 2.0, runner="compile")
    lab.events = [e for e in lab.events if getattr(e, "replicate", 0) == 0]
    assert "amdahl" not in lab.keys_of(quick)

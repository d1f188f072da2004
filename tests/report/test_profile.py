"""A profile as people see it: columns that have something to say, numbers that are seen to add up."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.analyse.hotspots import hot_spots, totals
from harness.records.profile import DeviceTime, DispatchTime, OperatorTime, ProfileReport, Recording
from harness.report.profile import markdown, table

TITLE = "mlp  batch 64  eager  fp32  cpu, 2 threads"
GEMM = "void cutlass::Kernel<" + "cutlass_80_simt_sgemm_128x32_8x5_tn_align1, " * 4 + ">(Params)"


def report(build, recording, group="operator", most=20, **changes):
    spots = hot_spots(recording, group, None, most)
    made = ProfileReport(
        schema=1,
        case=build.case(),
        environment=build.environment(),
        warmup=5,
        calls=len(recording.wall_us),
        group=group,
        sort=spots.sort,
        share_of=spots.share_of,
        rows=spots.rows,
        rest=spots.rest,
        rest_lines=spots.rest_lines,
        total=spots.total,
        totals=totals(recording, recording.wall_us),
        trace="results/profiler/x_trace.json",
        verification=None,
    )
    return replace(made, **changes)


def on_gpu():
    return Recording(
        wall_us=[160.0],
        operators=[
            OperatorTime("aten::linear", 4, 20.0, 60.0, 0.0, 128.0),
            OperatorTime("aten::addmm", 4, 40.0, 40.0, 128.0, 128.0),
            OperatorTime("aten::clamp_min", 3, 15.0, 15.0, 6.0, 6.0),
        ],
        inside_us=75.0,
        dispatch=[DispatchTime("waiting for the device", 1, 60.0)],
        kernels=[
            DeviceTime(GEMM, "kernel", 4, 128.0),
            DeviceTime("relu", "kernel", 3, 4.0),
            DeviceTime("Memcpy HtoD (Pageable -> Device)", "copy", 1, 2.0, "host to device"),
        ],
        busy_us=132.0,
    )


def test_on_a_gpu_the_device_comes_first_and_says_how_busy_it_is(build):
    text = table(report(build, on_gpu()), TITLE)
    head = re.split(" {2,}", next(x for x in text.splitlines() if x.startswith("operator")))
    assert head == [
        "operator",
        "calls",
        "self device ms",
        "share",
        "total device ms",
        "self CPU ms",
        "total CPU ms",
    ]
    assert "CPU time 0.0750 ms in operators, device time 0.134 ms, of which kernels 0.132 ms" in text
    assert "82.5 %  0.1320 ms  at least one of 7 kernels is running" in text
    assert "0.0020 ms  1 copy host to device" in text
    assert "37.5 %  0.0600 ms  waiting for the device" in text


def test_on_the_cpu_nothing_speaks_of_a_device(build):
    recording = replace(on_gpu(), kernels=None, busy_us=None)
    text = table(report(build, recording), TITLE)
    assert not re.search("device(?!$)", text.replace("waiting for the device", ""))
    assert "kernel" not in text


def test_a_row_fits_into_a_narrow_terminal_and_only_names_are_cut(build):
    made = report(build, on_gpu(), group="kernel")
    for line in table(made, TITLE, width=70).splitlines()[3:7]:
        assert len(line) <= 70
    text = table(made, TITLE, width=70)
    assert "…" in text and "0.128" in text
    assert "…" not in table(report(build, on_gpu()), TITLE, width=70)


def test_a_terminal_too_narrow_for_all_columns_does_without_total_times(build):
    made = report(build, on_gpu())
    assert table(made, TITLE).count("total") == 2
    narrow = table(made, TITLE, width=85)
    assert "total CPU ms" not in narrow and "total device ms" in narrow
    assert table(made, TITLE, width=60).count("total") == 0


def test_colour_is_for_terminals(build):
    made = report(build, on_gpu())
    assert "\x1b[" not in table(made, TITLE)
    coloured = table(made, TITLE, width=120, colour=True)
    assert re.sub("\x1b\\[\\d+m", "", coloured) == table(made, TITLE, width=120)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.integers(0, 8))
def test_shares_are_seen_to_sum_to_a_hundred(build, parts, most):
    operators = [OperatorTime(f"op{k}", 1, float(us), float(us)) for k, us in enumerate(parts)]
    made = report(build, Recording([float(sum(parts))], operators, float(sum(parts))), most=most)
    lines = table(made, TITLE).partition("all operators")[0]
    shares = [round(10 * float(s)) for s in re.findall(r"([\d.]+) %", lines)]
    assert sum(shares) == 1000


@pytest.mark.parametrize("name", ["a|b", "`x`", "<script>", "\x1b[31mred", "two\nlines", "*bold*"])
def test_a_stranger_s_name_is_text(build, name):
    operators = [OperatorTime(name, 1, 10.0, 10.0)]
    made = report(build, Recording([20.0], operators, 10.0), notes=[name])
    plain = table(made, TITLE)
    assert (
        "\x1b" not in plain
        and len(plain.splitlines())
        == len(table(report(build, Recording([20.0], operators, 10.0)), TITLE).splitlines()) + 1
    )
    rows = [x for x in markdown(made, name).splitlines() if x.startswith("|")]
    assert len(rows) == 4
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {5}
    assert "\x1b" not in markdown(made, name)

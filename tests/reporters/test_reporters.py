"""The reporters in the box: right for programs, readable for people, harmless with strangers' text."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue import Catalogue, load
from harness.cli.show import show
from harness.components import Reporter
from harness.errors import PluginError
from harness.records import codec
from harness.records.report import Report
from harness.report.numbers import safe
from harness.report.select import standard_order

BOX = Catalogue(load(only=()))
HOSTILE = "\x1b[2J\x1b]0;owned\x07|`x`|<img src=x onerror=alert(1)>\n# owned\r&lt;b&gt; [a](http://evil) **b** \u202e\x00"


def reporter(name: str) -> Reporter:
    return BOX.get("reporter", name).component


def render(name: str, report: Report) -> str:
    text = reporter(name).render(report)
    assert isinstance(text, str)
    return text


@pytest.fixture(scope="module")
def report(build) -> Report:
    """A row of every status, in the order in which people read them."""
    found = build.full_report()
    return dataclasses.replace(found, records=standard_order(found.records))


@pytest.fixture(scope="module")
def hostile(build, report) -> Report:
    """The same with hostile text wherever someone else's file could have any."""
    return build.haunted(report, HOSTILE)


@pytest.fixture(scope="module")
def empty(report) -> Report:
    """A report from which every row was filtered."""
    return dataclasses.replace(report, records=[])


ALL = ["table", "markdown", "json", "csv"]


@pytest.mark.parametrize("name", ALL)
def test_a_report_without_rows_is_still_one(name, empty):
    assert render(name, empty)


@pytest.mark.parametrize("name", ALL)
def test_every_reporter_ends_its_text_in_one_newline(name, report):
    text = render(name, report)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


@pytest.mark.parametrize("name", ALL)
def test_rendering_twice_gives_the_same_and_leaves_the_report_as_it_was(name, report):
    before = codec.encode(report)
    assert render(name, report) == render(name, report)
    assert codec.encode(report) == before


@pytest.mark.parametrize("name", ["table", "markdown"])
def test_a_wide_interval_comes_with_the_option_that_narrows_it(name, build):
    base = build.planned("itself")

    def text(second: float) -> str:
        events = [build.sample(base, 0, 4.0), build.sample(base, 1, second)]
        return render(name, build.analyse(build.stored([base], events)))

    assert "more passes narrow them" in text(6.0)
    assert "--passes 6" in text(6.0)
    assert "more passes" not in text(4.01)


@pytest.mark.parametrize("name", ["table", "markdown", "csv"])
def test_any_report_can_be_rendered(name, build):
    from hypothesis import HealthCheck, settings

    @settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
    @given(build.anything(Report))
    def check(report):
        assert render(name, report)

    check()


# ---- JSON ----------------------------------------------------------------------------------------


def test_json_is_the_public_report_and_nothing_else(report):
    assert codec.decode(render("json", report), Report) == report


def test_json_has_the_keys_that_other_programs_read(report):
    data = json.loads(render("json", report))
    assert data.keys() == {"schema", "run", "environment", "records", "findings", "coverage", "proofs"}
    record = data["records"][0]
    assert {
        "id",
        "case",
        "status",
        "reason",
        "latency_ms",
        "speedup",
        "verification",
        "memory_mib",
    } <= record.keys()
    assert record["case"].keys() == {
        "model", "params", "runner", "options", "precision", "batch_size", "device", "threads",
    }  # fmt: skip


def test_json_of_hostile_text_is_read_back_as_it_was(hostile):
    assert codec.decode(render("json", hostile), Report) == hostile


# ---- CSV -----------------------------------------------------------------------------------------


def cells(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(render("csv", report), newline=""), strict=True))


def test_csv_has_one_row_a_case_and_every_number_in_full(report):
    rows = cells(report)
    assert [r["id"] for r in rows] == [r.id for r in report.records]
    record, row = report.records[0], rows[0]
    assert float(row["latency_ms"]) == record.latency_ms.median
    assert float(row["latency_ms_low"]) == record.latency_ms.low
    assert float(row["error"]) == record.verification.error
    assert float(row["host_run_peak_mib"]) == record.memory_mib.host_run_peak
    assert (row["model"], row["batch_size"], row["status"]) == ("mlp", "64", "ok")
    assert (row["best"], row["is_baseline"], row["verified"]) == ("false", "true", "true")


def test_what_is_not_known_is_an_empty_cell_and_no_zero(report):
    row = next(r for r in cells(report) if r["status"] == "unsupported")
    assert row["latency_ms"] == row["speedup"] == row["error"] == row["best"].replace("false", "") == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_in_csv_is_taken_for_a_formula(build, report, start):
    text = start + 'HYPERLINK("http://evil")'
    rows = cells(build.haunted(report, text))
    assert len(rows) == len(report.records)
    for row in rows:
        assert row["model"] == "'" + safe(text)
        assert not [v for v in row.values() if v.startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(st.text())
def test_any_text_in_csv_is_one_cell_as_it_was_but_for_what_is_not_printable(build, text):
    record = build.record(changes={"reason": text})
    (row,) = cells(dataclasses.replace(build.full_report(), records=[record]))
    assert row["reason"].removeprefix("'") == safe(text).removeprefix("'")
    assert not row["reason"].startswith(("=", "+", "-", "@", "\t", "\r"))


# ---- Markdown ------------------------------------------------------------------------------------


def html(report: Report) -> str:
    """As a site would show it: CommonMark, which lets HTML through, with tables."""
    markdown_it = pytest.importorskip("markdown_it")
    return markdown_it.MarkdownIt("commonmark").enable("table").render(render("markdown", report))


def shown(cell: str) -> str:
    """The text that a reader sees of some HTML."""
    from html import unescape

    return unescape(re.sub(r"<[^>]+>", "", cell))


def test_markdown_has_one_row_for_each_measured_case_and_names_the_rest(report):
    text = html(report)
    measured = [r for r in report.records if r.latency_ms]
    assert text.count("<tr>") == 1 + len(measured)
    for record in report.records:
        if not record.latency_ms:
            assert f"{record.case.precision} on mlp" in text


def test_markdown_says_what_was_run_where_and_how_to_read_it(report):
    text = shown(html(report))
    for said in ("harness run", "AMD EPYC", "torch 2.13.0", "20261122-174126-0c1f", "How to read it"):
        assert said in text


def test_hostile_text_in_markdown_is_text(hostile, report):
    text = html(hostile)
    assert set(re.findall(r"</?([a-z0-9]+)", text)) <= {
        "p", "strong", "code", "ul", "li", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    assert not re.search(r"<[a-z]+ (?!style=\"text-align)", text)
    assert "\x1b" not in text
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in text.split("<tr>")[1:]]
    assert len({len(row) for row in rows}) == 1
    assert len(rows) == 1 + sum(r.latency_ms is not None for r in report.records)
    assert {shown(row[0]) for row in rows[1:]} == {safe(HOSTILE)}


@given(st.text("|`*_<>&#[]()!~\\-+=.:1abc \n", max_size=20))
def test_any_model_name_in_markdown_is_shown_as_it_is(build, text):
    record = build.record(label={"model": f"m{text}m", "runner": "eager"})
    found = html(dataclasses.replace(build.full_report(), records=[record]))
    cell = re.findall(r"<td[^>]*>(.*?)</td>", found, re.DOTALL)[0]
    assert shown(cell) == safe(f"m{text}m")


@pytest.mark.parametrize("text", ["- a", "+ a", "1. a", "1) a", "# a", "> a", "---", "===", "    a", "``` a"])
def test_a_warning_that_looks_like_a_list_or_a_heading_is_one_line_of_text(build, text):
    record = build.record(changes={"warnings": [text]})
    found = html(dataclasses.replace(build.full_report(), records=[record]))
    warnings = found.partition("Warnings:")[2]
    assert set(re.findall(r"<([a-z0-9]+)", warnings)) <= {"ul", "li"}
    assert shown(warnings).strip().startswith(text.strip())


@given(st.text("`x ", max_size=8))
def test_a_command_with_backticks_stays_code(build, text):
    full = build.full_report()
    command = f"harness run {text}x"
    found = html(dataclasses.replace(full, run=dataclasses.replace(full.run, command=command), records=[]))
    assert shown(found).startswith(command.split(text)[0].strip() if text else command)
    assert found.count("<code>") == 2


# ---- the table -----------------------------------------------------------------------------------


def lines(report: Report, width: int = 0) -> list[str]:
    return reporter("table").display(report, width, False).splitlines()


def row(report: Report, *words: str) -> str:
    """The one line with all these words."""
    (found,) = (line for line in lines(report) if all(w in line for w in words))
    return found


def test_each_group_has_the_baseline_first_and_the_fastest_correct_row_starred(report):
    text = lines(report)
    first = next(k for k, line in enumerate(text) if line.startswith("mlp  batch 64  cpu, 2 threads"))
    assert "baseline" in text[first + 2]
    assert next(line for line in text if line.startswith("*")).split()[1:3] == [
        "compile:mode=max-autotune",
        "fp32",
    ]
    assert sum(line.startswith("* ") for line in text) == 3  # one of each group, and the legend


def test_an_incorrect_row_is_marked_with_its_error_and_limit_and_has_no_star(report):
    found = row(report, "bf16-true")
    assert "0.31 X" in found
    assert "incorrect: limit 0.02" in found
    assert not found.startswith("*")


def test_a_speedup_has_its_uncertainty_beside_it(report):
    assert re.search(r"1\.99x ± 0\.0\d", row(report, "compile:mode=max-autotune", "x ±"))


def test_a_row_of_one_process_has_no_interval(build):
    one = build.planned("itself")
    found = row(build.report([one], [build.sample(one)]), "eager")
    assert " - " in found
    assert "1 process" in lines(build.report([one], [build.sample(one)]))[0]


def test_an_unverified_row_says_so(build):
    one = build.planned("itself")
    assert "not verified" in row(build.report([one], [build.sample(one, verification=None)]), "eager")


def test_what_was_not_measured_is_one_line_for_each_reason_with_models_and_batches(build):
    cases = [
        build.planned(model=m, batch_size=b, runner="onnxruntime", precision="bf16-amp",
                      unsupported="ONNX has no autocast: try -p fp32")
        for m in ("mlp", "cnn") for b in (1, 64)
    ]  # fmt: skip
    text = lines(build.report(cases))
    expected = "not run: onnxruntime x bf16-amp on mlp, cnn at batch 1, 64: ONNX has no autocast: try -p fp32"
    assert text[0] == expected


def test_a_sweep_with_troubles_counts_how_its_cases_ended_and_tells_the_worst_first(build):
    cases = [build.planned("itself"), *(build.planned(batch_size=b) for b in (2, 3, 4))]
    cases.append(build.planned(batch_size=5, unsupported="no way"))
    ends = ("ok", "failed", "crashed", "incorrect")
    samples = [
        build.sample(c, status=s, reason=None if s == "ok" else f"it {s}")
        for c, s in zip(cases, ends, strict=False)
    ]
    report = build.report(cases, samples)
    text = lines(report)
    counted = text.index("5 cases: 1 measured and right, 1 incorrect, 1 crashed, 1 failed, 1 not run")
    assert [line.partition(":")[0] for line in text[counted + 1 : counted + 4]] == [
        *("crashed", "failed", "not run")
    ]
    assert "5 cases: 1 measured and right, 1 incorrect" in render("markdown", report)


def test_what_nobody_verified_is_not_counted_as_right(build):
    cases = [build.planned("itself"), *(build.planned(batch_size=b) for b in (2, 3))]
    samples = [
        build.sample(cases[0]),
        build.sample(cases[1], verification=None),
        build.sample(cases[2], status="crashed", reason="it crashed"),
    ]
    said = "3 cases: 1 measured and right, 1 measured, not verified, 1 crashed"
    for form in ("table", "markdown"):
        assert said in render(form, build.report(cases, samples))
    two = build.report(cases[:2], samples[:2])
    assert "2 cases: 1 measured and right, 1 measured, not verified" in lines(two)


def test_a_sweep_without_troubles_counts_nothing(build):
    fine, refused = build.planned("itself"), build.planned(batch_size=5, unsupported="no way")
    report = build.report([fine, refused], [build.sample(fine)])
    assert not any("measured and right" in line for line in lines(report))


def test_a_run_that_was_stopped_or_killed_says_so(build):
    one = build.planned("itself")
    samples = [build.sample(one)]
    assert any("this run was interrupted" in x for x in lines(build.report([one], samples, "interrupted")))
    assert any(
        "this run ran out of its time budget" in x for x in lines(build.report([one], samples, "out_of_time"))
    )
    assert any("this run failed" in x for x in lines(build.report([one], samples, "failed")))
    assert any("has not ended (or was killed)" in x for x in lines(build.report([one], samples, None)))
    assert not any("this run" in x for x in lines(build.report([one], samples)))


def test_damage_to_the_file_is_shown_under_the_table(build, report):
    damaged = dataclasses.replace(report, run=dataclasses.replace(report.run, damage=["line 4 is damaged"]))
    assert "line 4 is damaged" in lines(damaged)


def test_a_table_of_nothing_says_that_no_case_matches(empty):
    assert lines(empty) == ["no case matches"]


def test_nothing_in_the_table_comes_from_data_that_could_move_the_cursor(hostile, report):
    for text in (render("table", hostile), reporter("table").display(hostile, 80, False)):
        assert all(line.isprintable() for line in text.split("\n"))


def test_no_line_of_the_table_is_made_by_data(build, report):
    forged = build.haunted(report, "x\n* eager fp32 0.01")
    assert not any(line.startswith("* eager") for line in lines(forged))


def test_colour_is_only_where_it_was_asked_for(report, hostile):
    assert "\x1b" not in render("table", report)
    assert "\x1b" not in reporter("table").display(report, 100, False)
    coloured = reporter("table").display(hostile, 100, True)
    assert "\x1b[32m" in coloured
    assert all(line.isprintable() for line in re.sub(r"\x1b\[\d*m", "", coloured).split("\n"))


@pytest.mark.parametrize("width", range(20, 200, 9))
def test_a_narrow_terminal_leaves_columns_out_and_says_which(report, width):
    wide, narrow = lines(report), lines(report, width)
    titles = ["ready s cold/warm", "samples/s", "±95 %", "peak MiB", "note"]
    head = next(line for line in narrow if "latency ms" in line)
    gone = [t for t in titles if t not in head]
    said = [line for line in narrow if line.startswith("left out, the terminal is narrow: ")]
    assert said == ([f"left out, the terminal is narrow: {', '.join(gone)}"] if gone else [])
    grid = narrow[narrow.index(head) : narrow.index("")]
    assert max(map(len, grid)) <= width or gone == titles
    for needed in ("runner", "precision", "latency ms", "vs baseline", "error"):
        assert needed in head
    assert len(wide) == len(narrow) - len(said)


def test_a_wide_terminal_shows_everything(report):
    assert lines(report, 500) == lines(report)


# ---- showing -------------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Whether stdout is a terminal, and what was printed."""

    def printed(is_terminal: bool, report: Report) -> str:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal, raising=False)
        show(report, reporter("table"), None)
        return capsys.readouterr().out

    return printed


def test_a_pipe_gets_no_colour_and_every_column(terminal, report, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert terminal(False, report) == render("table", report)


def test_a_terminal_gets_colour_unless_no_color_is_set(terminal, report, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[32m" in terminal(True, report)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in terminal(True, report)


def test_a_terminal_gets_what_fits_into_it(terminal, report, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "70")
    assert "left out, the terminal is narrow" in terminal(True, report)


def test_a_report_goes_whole_to_a_file_and_nothing_to_stdout(report, tmp_path, capsys):
    show(report, reporter("csv"), str(tmp_path / "out" / "t.csv"))
    printed = capsys.readouterr()
    assert (tmp_path / "out" / "t.csv").read_text("utf-8") == render("csv", report)
    assert printed.out == ""
    assert "t.csv" in printed.err


def test_a_reporter_that_breaks_is_one_line_with_its_name(report):
    class Broken(Reporter):
        name = "broken"
        summary = "breaks"

        def render(self, report):
            raise KeyError("missing")

    with pytest.raises(PluginError, match="reporter broken failed: KeyError: 'missing'"):
        show(report, Broken(), None)


def _give_up(report):
    raise GeneratorExit("enough")


@pytest.mark.parametrize(
    ("render", "said"),
    [
        (lambda report: None, "render() returned NoneType, not text"),
        (lambda report: "\udcff", "its text is no Unicode"),
        (_give_up, "GeneratorExit: enough"),
        (lambda report: sys.exit(5), "SystemExit"),
        (lambda report: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_reporter_that_breaks_is_blamed_in_one_line(report, render, said):
    class Bad(Reporter):
        name = "bad"
        summary = "breaks"

    bad = Bad()
    bad.render = render
    with pytest.raises(PluginError) as caught:
        show(report, bad, None)
    assert caught.value.message.startswith("reporter bad failed: ")
    assert said in caught.value.message


def test_an_incorrect_row_gives_its_reason_unless_that_is_the_limit(build):
    base = build.planned("itself")
    wrong = build.verification(False, None, reason="output 0 has shape [3, 9, 2], the reference [3, 9]")
    over = build.verification(False, 0.5, reason="error 0.5 is above the limit 0.0001")

    def text(verification):
        sample = build.sample(
            base, 0, 4.0, status="incorrect", reason=verification.reason, verification=verification
        )
        return render("table", build.analyse(build.stored([base], [sample])))

    assert "incorrect: output 0 has shape" in text(wrong)
    assert "incorrect: limit 1e-4" in text(over)

"""What a user types, and what they get."""

import csv
import io
import json
import math
import re

import pytest

from .conftest import PLUGINS

TINY = ("--plugin", PLUGINS / "tiny.py")


@pytest.mark.slow
def test_the_command_of_the_readme_measures_compile_in_bf16_against_its_baseline(harness_command):
    done = harness_command("run", "--runner", "compile", "--precision", "bf16", "-b", "4", "--passes", 2)
    assert done.code == 0, done.err
    assert "bf16 is bf16-amp" in done.err
    record = done.record(runner="compile")
    assert record["case"]["precision"] == "bf16-amp"
    assert record["status"] == "ok"
    assert record["facts"]["graphs"] == 1 and record["facts"]["graph_breaks"] == 0
    assert record["verification"]["passed"] and 1e-4 < record["verification"]["error"] < 2e-2
    baseline = done.record(runner="eager")
    assert baseline["is_baseline"] and baseline["case"]["precision"] == "fp32"
    assert record["speedup"]["baseline"] == baseline["id"]
    assert math.isclose(
        record["speedup"]["ratio"],
        math.exp(
            sum(
                math.log(b / n)
                for b, n in zip(
                    baseline["latency_ms"]["replicates"], record["latency_ms"]["replicates"], strict=True
                )
            )
            / 2
        ),
    )
    # A compilation is part of the cold start, a cache hit of the warm one, and neither of the latency.
    assert record["ready_s"]["cold"] > record["ready_s"]["warm"] > record["latency_ms"]["median"] / 1e3
    assert record["facts"]["cache_hits"] >= 1


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_model_under_every_runner_and_precision_has_a_row_that_says_its_status(harness_command):
    done = harness_command(
        "run",
        "-m",
        "mlp,cnn,transformer",
        "-r",
        "eager,compile,onnxruntime",
        "-p",
        "fp32,bf16,bf16-true",
        "-b",
        "1,16",
        "--passes",
        1,
        "--memory",
    )
    assert done.code == 0, done.err
    records = done.report["records"]
    assert len(records) == 54
    for record in records:
        case = record["case"]
        if case["runner"] == "onnxruntime" and case["precision"] != "fp32":
            assert record["status"] == "unsupported"
            assert "-p fp32" in record["reason"]
        else:
            assert record["status"] == "ok", record["reason"]
            assert record["verification"]["passed"]
            assert record["latency_ms"]["median"] > 0
            assert record["memory_mib"]["host_run_peak"] > 0.5 * record["memory_mib"]["weights"] > 0
    assert done.out.count("not run:") == 2


def test_a_reduced_precision_that_casts_the_weights_halves_them_and_autocast_does_not(harness_command):
    precisions = ("-p", "bf16-amp,bf16-true")
    done = harness_command("run", "-m", "mlp", *precisions, "-b", 8, "--passes", 1, "--memory")
    weights = {
        p: done.record(precision=p)["memory_mib"]["weights"] for p in ("fp32", "bf16-amp", "bf16-true")
    }
    assert weights["bf16-amp"] == weights["fp32"]
    assert weights["bf16-true"] == weights["fp32"] / 2
    peaks = {p: done.record(precision=p)["memory_mib"]["host_run_peak"] for p in weights}
    assert peaks["bf16-true"] < 0.7 * peaks["fp32"] < peaks["bf16-amp"]


@pytest.mark.slow
def test_a_model_may_have_any_inputs_and_outputs_under_every_runner(harness_command):
    done = harness_command(
        "run",
        *TINY,
        "-m",
        "nested,tiny,counting",
        "-r",
        "eager,compile,onnxruntime",
        "-b",
        "3",
        "--passes",
        1,
    )
    for record in done.report["records"]:
        if record["case"]["model"] == "counting" and record["case"]["runner"] == "onnxruntime":
            continue  # a graph without state answers as if it had been reset; checked by its error
        assert record["status"] == "ok", (record["label"], record["reason"])
        assert record["verification"]["error"] < 1e-5
    assert done.code == 0


@pytest.mark.slow
@pytest.mark.parametrize("runners", ["eager,onnxruntime", "eager,compile"])
def test_a_transformers_bert_fits_without_a_special_case(harness_command, tmp_path, runners):
    pytest.importorskip("transformers")
    (tmp_path / "bert.py").write_text(
        """
import harness, torch
from transformers import BertConfig, BertModel

class Bert(harness.Model):
    name = "bert"
    summary = "a small BertModel with random weights"

    def build(self, params):
        torch.manual_seed(torch.initial_seed())
        return BertModel(BertConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
                                    intermediate_size=64, vocab_size=100))

    def inputs(self, params, batch_size):
        ids = torch.randint(0, 100, (batch_size, 12))
        return harness.Inputs(input_ids=ids, attention_mask=torch.ones_like(ids))

@harness.hookimpl
def harness_models():
    yield Bert()
"""
    )
    done = harness_command("run", "--plugin", "bert.py", "-m", "bert", "-r", runners, "-b", 4, "--passes", 1)
    assert [r["status"] for r in done.report["records"]] == ["ok"] * 2, done.err
    assert all(r["verification"]["error"] < 1e-4 for r in done.report["records"])


def test_reports_of_a_run_come_in_every_format_and_agree(harness_command, tmp_path):
    run = harness_command("run", *TINY, "-m", "tiny:width=32,tokens", "-b", "2,4", "--passes", 2)
    assert run.code == 0, run.err
    assert re.search(r"saved: \S+\.json$", run.err.strip())
    assert list((tmp_path / "results" / "benchmarks").glob("*.jsonl"))

    as_json = json.loads(harness_command("report", "--format", "json").out)
    rows = list(csv.DictReader(io.StringIO(harness_command("report", "--format", "csv").out)))
    markdown = harness_command("report", "--format", "markdown").out
    table = harness_command("report").out
    assert len(as_json["records"]) == len(rows) == 4
    assert as_json == run.report | {"records": as_json["records"]}
    for record, row in zip(as_json["records"], rows, strict=True):
        assert float(row["latency_ms"]) == record["latency_ms"]["median"]
        assert row["model"] == record["label"]["model"]
        assert row["model"].replace("=", "=") in table
    assert "tiny:width=32" in markdown and markdown.count("\n| ") == 5
    assert "\x1b" not in table + markdown

    tokens = next(
        r for r in as_json["records"] if r["case"]["model"] == "tokens" and r["case"]["batch_size"] == 2
    )
    assert tokens["throughput_per_s"]["unit"] == "tokens/s"
    assert math.isclose(tokens["throughput_per_s"]["value"], 24 / (tokens["latency_ms"]["median"] / 1e3))

    # The public file is a report like the run file.
    path = next((tmp_path / "results" / "benchmarks").glob("*.json"))
    assert harness_command("report", path).out == table
    # A report goes to a file; nothing else does.
    written = harness_command("report", "-f", "markdown", "-o", "out.md")
    assert written.out == "" and (tmp_path / "out.md").read_text() == markdown
    listed = harness_command("report", "--list").out
    assert as_json["run"]["id"] in listed and "finished" in listed


def test_rows_are_filtered_sorted_and_counted_from_another_baseline(harness_command):
    harness_command("run", *TINY, "-m", "tiny", "-p", "fp32,bf16-true", "-b", "2,4", "--passes", 1)

    def records(*arguments):
        return json.loads(harness_command("report", "-f", "json", *arguments).out)["records"]

    assert [r["case"]["batch_size"] for r in records("-b", "4")] == [4, 4]
    assert [r["case"]["precision"] for r in records("-p", "bf16-true")] == ["bf16-true"] * 2
    latencies = [r["latency_ms"]["median"] for r in records("--sort", "latency")]
    assert latencies == sorted(latencies)
    other = records("--baseline", "precision=bf16-true", "-p", "fp32")
    by_batch = {r["case"]["batch_size"]: r for r in records("-p", "bf16-true")}
    for record in other:
        assert record["speedup"]["baseline"] == by_batch[record["case"]["batch_size"]]["id"]
    assert all(r["speedup"] is None for r in records("--baseline", "none"))


def test_a_plan_measures_nothing_and_says_what_is_unsupported_and_how_long_it_takes(
    harness_command, tmp_path
):
    done = harness_command("run", "--plan", "-m", "mlp", "-r", "onnxruntime", "-p", "bf16,fp32", "-b", "1")
    assert done.code == 0
    assert "added as baseline" in done.out
    assert re.search(r"2 of 3 cases would be measured, 3 passes each: about \d+ s", done.out)
    assert "no autocast: try -p fp32" in done.out
    assert not (tmp_path / "results").exists()


def test_nothing_supported_is_no_success(harness_command):
    done = harness_command(
        "run", "-m", "mlp", "-r", "onnxruntime", "-p", "bf16", "-b", 1, "--baseline", "none"
    )
    assert done.code == 4
    assert "not run:" in done.out


def test_strict_makes_an_unsupported_case_a_fault(harness_command):
    done = harness_command(
        "run",
        *TINY,
        "-m",
        "tiny",
        "-r",
        "eager,onnxruntime",
        "-p",
        "bf16",
        "-b",
        1,
        "--passes",
        1,
        "--strict",
    )
    assert done.code == 3


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(harness_command):
    digests = []
    for seed in (1, 1, 2):
        done = harness_command("run", *TINY, "-m", "tiny", "-b", 2, "--passes", 1, "--seed", seed)
        digests.append(done.record(model="tiny")["facts"]["weights_digest"])
    assert digests[0] == digests[1] != digests[2]


def test_a_spawned_interpreter_serves_where_forking_is_not_safe(harness_command, monkeypatch):
    monkeypatch.setenv("HARNESS_SPAWN", "1")
    done = harness_command("run", *TINY, "-m", "tiny", "-b", 2, "--passes", 2)
    assert done.code == 0, done.err
    assert "every replicate is a new interpreter" in done.err
    assert done.record(model="tiny")["replicates"] == 2


def test_a_loosened_tolerance_is_printed_with_every_result(harness_command):
    done = harness_command(
        "run", *TINY, "-m", "tiny", "-p", "bf16-true", "-b", 4, "--passes", 1, "--tolerance", 0.3
    )
    record = done.record(precision="bf16-true")
    assert record["verification"]["tolerance"] == 0.3
    assert any("tolerance was set to 0.3" in w for w in record["warnings"])
    assert "tolerance set by hand" in done.out


def test_lifecycle_hooks_see_the_run_and_cannot_break_it(harness_command, tmp_path):
    (tmp_path / "watch.py").write_text(
        """
import harness

@harness.hookimpl
def harness_run_started(run, case_ids):
    print("STARTED", run.id, len(case_ids))

@harness.hookimpl
def harness_case_finished(run, record):
    print("CASE", record.status, record.latency_ms.median > 0)
    raise RuntimeError("clumsy")

@harness.hookimpl
def harness_run_finished(report):
    print("FINISHED", len(report.records))
"""
    )
    done = harness_command("run", *TINY, "--plugin", "watch.py", "-m", "tiny", "-b", 2, "--passes", 1)
    assert done.code == 0
    assert re.search(r"STARTED \S+ 1\n.*CASE ok True\n.*FINISHED 1\n", done.out, re.DOTALL)
    assert "watch.py: harness_case_finished failed: RuntimeError: clumsy" in done.err

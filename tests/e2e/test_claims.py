"""`harness claims`: what a user and a pipeline see."""

import json
from pathlib import Path

import jsonschema
import pytest

from harness.records import codec

PLUGIN = Path(__file__).parent.parent / "plugins" / "tiny.py"
SCHEMA = Path(__file__).parents[2] / "docs" / "claims.schema.json"
MINE = """
summary = "what tiny promises"
[[claim]]
name = "quick and right"
case = { model = "tiny", batch_size = 2 }
latency_ms = { at_most = 1000 }
error = { at_most = 1e-4 }
[[claim]]
name = "weighs nothing"
case = { model = "tiny", batch_size = 2 }
weights_mib = { at_most = 1e-9 }
[[claim]]
name = "cast to nowhere"
case = { model = "tiny", batch_size = 2, device = "cuda:99" }
latency_ms = { at_most = 1000 }
"""


@pytest.fixture(autouse=True)
def _no_ceilings(monkeypatch):
    """What the machine can do at most explains a verdict, takes seconds to find out, and decides none."""
    monkeypatch.setattr("harness.cli.measured.ceilings_of", lambda *_: [])


def test_claims_are_measured_judged_kept_and_not_measured_again(harness_command, tmp_path):
    (tmp_path / "mine.toml").write_text(MINE)
    common = ("mine.toml", "--plugin", PLUGIN, "--no-lock", "--despite-noise", "--format", "json")
    done = harness_command("claims", *common, "--passes", "2")
    assert done.code == 1, done.err
    found = json.loads(done.out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    assert [v["word"] for v in found["verdicts"]] == ["CONFIRMED", "REFUTED", "NOT TESTABLE HERE"]
    assert "claims failed: weighs nothing refuted" in done.err
    kept = [p.stem for p in (tmp_path / "results" / "benchmarks").glob("*.jsonl")]
    assert found["runs"] == kept

    again = harness_command("claims", *common, "--run", "latest")
    assert again.code == 1
    assert [v["word"] for v in json.loads(again.out)["verdicts"]] == [v["word"] for v in found["verdicts"]]
    assert [p.stem for p in (tmp_path / "results" / "benchmarks").glob("*.jsonl")] == kept

    # Noise left nothing open: there is nothing to settle.
    settled = harness_command("claims", *common, "--run", "latest", "--settle")
    assert [v["word"] for v in json.loads(settled.out)["verdicts"]] == [v["word"] for v in found["verdicts"]]
    assert [p.stem for p in (tmp_path / "results" / "benchmarks").glob("*.jsonl")] == kept

    only = MINE.replace("at_most = 1e-9", "at_most = 1e9")
    (tmp_path / "mine.toml").write_text(only)
    assert harness_command("claims", *common, "--run", "latest").code == 0
    assert harness_command("claims", *common, "--run", "latest", "--strict").code == 1


@pytest.mark.slow
def test_claims_about_what_is_not_here_are_not_testable_and_nothing_was_measured(harness_command, tmp_path):
    (tmp_path / "mine.toml").write_text(
        '[[claim]]\nname = "a GPU is busy"\ncase = { model = "tiny", device = "cuda:99" }\n'
        "device_share = { at_least = 0.8 }"
    )
    done = harness_command("claims", "mine.toml", "--plugin", PLUGIN, "--no-lock")
    assert done.code == 4
    assert "NOT TESTABLE HERE  a GPU is busy" in done.out
    assert "nothing could be measured" in done.err
    assert not list((tmp_path / "results").rglob("*.json*"))


@pytest.mark.slow
def test_a_colleagues_speed_ups_are_measured_here(harness_command, tmp_path, build):
    label = {"model": "tiny", "runner": "eager"}
    width = {"width": 16}
    base = build.planned("itself", model="tiny", params=width, batch_size=2, label=label)
    cast = build.planned(base, model="tiny", params=width, batch_size=2, label=label, precision="bf16-true")
    gone = build.planned("itself", model="gone", params={}, label={"model": "gone", "runner": "eager"})
    lost = build.planned(
        gone, model="gone", params={}, runner="compile", label={"model": "gone", "runner": "compile"}
    )
    samples = [
        build.sample(case, n, ms + n / 100)
        # A gain that no noise here could hide the lack of.
        for case, ms in ((base, 4e6), (cast, 4.0), (gone, 4.0), (lost, 2.0))
        for n in range(3)
    ]
    (tmp_path / "colleague.json").write_text(codec.pretty(build.report([base, cast, gone, lost], samples)))
    done = harness_command(
        "claims",
        "--from",
        "colleague.json",
        "--plugin",
        PLUGIN,
        "--no-lock",
        "--passes",
        "2",
        "--format",
        "json",
    )
    # Whether its speed-up is one here is the machine's affair, and no test's.
    assert done.code in (0, 1), done.err
    found = json.loads(done.out)
    jsonschema.validate(found, json.loads(SCHEMA.read_text()))
    words = {c["case"].split()[0]: c["word"] for c in found["carried"]}
    assert words["gone"] == "cannot say"
    assert (words["tiny"] == "does not") == (done.code == 1)
    assert all((c["here"] is not None) == c["case"].startswith("tiny") for c in found["carried"])
    assert any("model gone is not here" in note for note in found["notes"])
    assert any(d.startswith("host ") for d in found["differences"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("sed",), "did you mean seed"),
        (("nowhere.toml",), "claims nowhere.toml"),
        (("seed", "--from", "x.json"), "--from takes its cases from a report"),
        (("--from", "x.json"), "there is no file x.json"),
        (("seed", "--passes", "0"), "not in the range"),
        (("seed", "--settle"), "--settle needs --run"),
    ],
)
def test_a_mistake_is_one_clear_line(harness_command, arguments, said):
    done = harness_command("claims", *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err

"""A reader that goes away ends nothing that is being measured."""

import json
from pathlib import Path

TINY = Path(__file__).parents[1] / "plugins" / "tiny.py"


def test_a_run_whose_lines_nobody_reads_any_more_is_measured_to_its_end(harness_process, tmp_path):
    run = harness_process("run", "--plugin", TINY, "-m", "tiny", "-b", "1,2", "--passes", "1", "--no-lock")
    assert "2 cases" in run.stderr.readline()
    run.stderr.close()
    run.stdout.close()
    run.wait(timeout=120)
    (report,) = (tmp_path / "results" / "benchmarks").glob("*.json")
    assert [r["status"] for r in json.loads(report.read_text())["records"]] == ["ok", "ok"]

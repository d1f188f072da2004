"""The README's model of one's own, measured by its one line from a clean install: no plugin, no edit."""

import json
import re
import shlex

import pytest

from .conftest import ROOT

QUICK = ("--passes", "1", "--no-memory", "--no-anatomy", "--no-lock", "--format", "json", "-b", "2")


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_a_file_with_two_inputs_is_measured_by_one_line(fresh, page):
    text = (ROOT / page).read_text("utf-8")
    (fresh.folder / "net.py").write_text(re.search(r"```python\n# net\.py\n(.*?)```", text, re.S)[1])
    line = re.search(r"^harness (run -m net\.py:.*)$", text, re.M)[1]
    report = json.loads(fresh.harness(*shlex.split(line), *QUICK).stdout)
    ran = {(r["label"]["runner"], r["case"]["precision"]): r for r in report["records"]}
    assert set(ran) == {
        ("eager", "fp32"),
        ("eager", "bf16-true"),
        ("compile", "fp32"),
        ("onnxruntime", "fp32"),
    }
    assert all(r["status"] == "ok" and r["verification"]["passed"] for r in ran.values())

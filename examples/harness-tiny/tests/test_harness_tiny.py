import json
import subprocess
import sys

import pytest
from harness.conformance import checks

from harness_tiny import Tiny


@pytest.mark.parametrize("check", checks("harness-tiny"), ids=str)
def test_conforms(check):
    check()


@pytest.mark.parametrize("batch_size", [1, 5])
def test_it_takes_a_batch_of_any_size(batch_size):
    model, params = Tiny(), Tiny.Params(width=8)
    inputs = model.inputs(params, batch_size)
    output = model.build(params)(*inputs.args, **inputs.kwargs)
    assert output.shape == (batch_size, 8)


def test_it_is_measured_and_right(tmp_path):
    words = ["run", "-m", "tiny", "-b", "2", "--passes", "1", "--no-lock", "--format", "json"]
    command = [sys.executable, "-m", "harness", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    (record,) = json.loads(done.stdout)["records"]
    assert record["status"] == "ok"

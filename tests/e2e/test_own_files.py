"""Exported files of one's own: every row is verified, in the formats that the file has."""

import json

import pytest


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_a_file_is_verified_by_what_it_computes_itself_in_its_own_format(
    graphs, tmp_path, harness_command, dtype
):
    graphs.layers(tmp_path / "net.onnx", dtype)
    done = harness_command("infer", "-m", "net.onnx", "-b", 4, "-f", "json")
    assert done.code == 0, done.err
    found = json.loads(done.out)["inference"]
    assert found["inputs"][0]["dtype"] == dtype
    assert (found["verification"]["passed"], found["verification"]["reference"]) == (True, dtype)
    assert "the reference is the file itself" in done.err

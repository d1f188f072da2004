"""A command that is to be tried measures the very row that it stands under."""

import dataclasses
import shlex

from click.testing import CliRunner

from harness.cli import main
from harness.explain.commands import compare, select
from harness.records.case import Provider


def record(build, *, sources=("builtin:harness_plugins.models",), **axes):
    one = build.planned("itself", **axes)
    report = build.report([one], [build.sample(one)])
    providers = [Provider("model", "m", source, None, None, None) for source in sources]
    return dataclasses.replace(report.records[0], providers=providers)


def test_threads_and_plugins_are_part_of_it(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = record(build, sources=(f"file:{tmp_path}/tiny.py", "module:other"), threads=1, batch_size=16)
    words = shlex.split(select(found))
    assert words[words.index("--threads") :][:2] == ["--threads", "1"]
    assert [words[k + 1] for k, w in enumerate(words) if w == "--plugin"] == ["tiny.py", "other"]
    assert "-d" not in words


def test_a_model_of_a_file_is_named_by_its_path_and_has_its_inputs(build, tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    label = {"model": "net.py:build:width=4", "runner": "eager"}
    source = f"model:{tmp_path}/net.py:build;input=x=int64[batch,8;0..9]"
    found = record(build, sources=(source,), label=label)
    words = shlex.split(select(found))
    assert words[:2] == ["-m", f"{tmp_path}/net.py:build:width=4"]
    assert words[words.index("--input") + 1] == "x=int64[batch,8;0..9]"


def test_a_file_that_is_a_model_is_named_by_its_path(build, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    label = {"model": "net.pt2", "runner": "eager"}
    found = record(build, sources=(f"model:{tmp_path}/sub/net.pt2",), label=label)
    assert shlex.split(select(found))[:2] == ["-m", "sub/net.pt2"]


def test_a_comparison_names_what_differs_and_is_accepted(build):
    line = compare(record(build), {"runner": "onnxruntime:spinning=false,prepacking=true"})
    words = shlex.split(line)
    assert words[-1] == "runner=onnxruntime:spinning=false,prepacking=true"
    assert "-r" not in words
    # Asked for help at the end, the command reads all options first.
    shown = CliRunner().invoke(main.harness, [*words[1:], "--help"])
    assert shown.exit_code == 0

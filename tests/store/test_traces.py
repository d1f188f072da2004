"""A trace is kept in its folder, whatever its model is called."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import StoreError
from harness.store.traces import check_writable, keep_trace, trace_path


def path_of(build, tmp_path, model, runner="eager", device="cpu"):
    planned = build.planned(label={"model": model, "runner": runner}, device=device)
    return trace_path(tmp_path, planned)


def test_the_name_says_what_was_profiled(build, tmp_path):
    path = path_of(build, tmp_path, "mlp")
    assert path == tmp_path / "profiler" / "mlp_eager_fp32_b64_cpu_trace.json"
    path = path_of(build, tmp_path, "mlp:hidden_dim=4096,n_layers=2", device="cuda:1")
    assert path.name == "mlp-hidden_dim=4096-n_layers=2_eager_fp32_b64_cuda-1_trace.json"


@pytest.mark.parametrize(
    "model", ["../../etc/x", "/etc/passwd", "..", ".hidden", "a\0b", "m:path=~/x", "x" * 500, ""]
)
def test_no_name_leads_out_of_the_folder(build, tmp_path, model):
    path = path_of(build, tmp_path, model, runner=model)
    assert path.parent == tmp_path / "profiler"
    assert path.resolve().parent == (tmp_path / "profiler").resolve()
    assert len(os.fsencode(path.name)) < 250
    assert not path.name.startswith(("-", "."))


@given(st.text(max_size=300), st.text(max_size=300))
def test_two_names_never_share_a_file_unless_they_differ_in_colons_and_commas(
    build, tmp_path_factory, one, two
):
    paths = [path_of(build, tmp_path_factory.getbasetemp(), m) for m in (one, two)]
    assert all(p.name.isascii() and "/" not in p.name for p in paths)
    if one.replace(":", "-").replace(",", "-") != two.replace(":", "-").replace(",", "-"):
        assert paths[0] != paths[1]


def test_a_trace_replaces_an_older_one_as_a_whole(tmp_path):
    made, path = tmp_path / "made", tmp_path / "profiler" / "x_trace.json"
    made.write_text("new")
    path.parent.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    path.symlink_to(elsewhere)
    keep_trace(made, path)
    assert path.read_text() == "new"
    assert not path.is_symlink()
    assert elsewhere.read_text() == "untouched"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_where_it_cannot_be_kept_is_found_out_before(tmp_path):
    check_writable(tmp_path / "new" / "profiler" / "x.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is no folder"):
        check_writable(tmp_path / "file" / "profiler" / "x.json")
    with pytest.raises(StoreError, match="cannot write"):
        keep_trace(tmp_path / "nothing", tmp_path / "x.json")

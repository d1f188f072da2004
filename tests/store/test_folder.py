"""What a name on the command line means among stored runs, and files written whole."""

from __future__ import annotations

import json
import os
import re

import pytest
from click.testing import CliRunner

from harness.cli.report import command
from harness.errors import StoreError
from harness.records import codec
from harness.records.events import Ended
from harness.store import folder as store
from harness.store.eventfile import EventWriter
from harness.store.folder import Folder, new_run_id, read_report_file, results_folder, write_whole

IDS = ["20261120-080000-aaaa", "20261121-090000-bbbb", "20261122-100000-cccc"]


@pytest.fixture
def folder(tmp_path):
    found = Folder(tmp_path / "results")
    found.benchmarks.mkdir(parents=True)
    for run_id in IDS:
        found.run_path(run_id).write_text("")
        found.report_path(run_id).write_text("")
    return found


def test_runs_are_listed_oldest_first_and_each_once(folder):
    assert folder.ids() == IDS


def test_latest_is_the_newest_run(folder):
    assert folder.find("latest") == folder.run_path(IDS[-1])


@pytest.mark.parametrize("content", [b"", b'{"event":"run"'])
def test_latest_is_no_file_that_was_left_before_its_first_line(folder, content):
    for run_id in IDS:
        folder.run_path(run_id).write_text("{}\n")
    folder.run_path(IDS[-1]).write_bytes(content)
    assert folder.find("latest") == folder.run_path(IDS[-2])


@pytest.mark.parametrize("text", [IDS[1], "bbbb", "20261121", "20261121-09"])
def test_a_run_is_found_by_its_id_its_end_or_its_beginning(folder, text):
    assert folder.find(text) == folder.run_path(IDS[1])


def test_a_text_that_several_runs_begin_with_is_answered_with_them(folder):
    with pytest.raises(StoreError) as caught:
        folder.find("202611")
    assert caught.value.message == f"'202611' could be {', '.join(IDS)}"


def test_of_two_runs_that_a_text_could_mean_none_is_chosen(folder):
    folder.run_path(IDS[0]).unlink()
    with pytest.raises(StoreError, match=f"could be {IDS[1]}, {IDS[2]}"):
        folder.find("2026112")


def test_an_id_that_is_the_beginning_of_another_still_means_itself(folder):
    folder.run_path(IDS[0] + "-again").write_text("")
    assert folder.find(IDS[0]) == folder.run_path(IDS[0])


def test_an_unknown_run_is_answered_with_a_near_one_and_the_command_that_lists_them(folder):
    with pytest.raises(StoreError) as caught:
        folder.find("20261122-100000-cccd")
    assert "did you mean 20261122-100000-cccc" in caught.value.message
    assert "harness report --list" in caught.value.hint


def test_a_folder_without_runs_says_how_to_make_one(tmp_path):
    empty = Folder(tmp_path)
    assert empty.ids() == []
    with pytest.raises(StoreError) as caught:
        empty.find("latest")
    assert "harness run" in caught.value.hint
    assert "--results" in caught.value.hint


def test_a_path_is_taken_as_it_is(folder, tmp_path, monkeypatch):
    path = folder.report_path(IDS[0])
    assert folder.find(str(path)) == path
    monkeypatch.chdir(path.parent)
    assert folder.find(path.name).samefile(path)
    with pytest.raises(StoreError, match=r"there is no file .*absent\.json"):
        folder.find(str(tmp_path / "absent.json"))


def test_the_option_says_where_results_are_then_the_variable_then_the_current_folder(monkeypatch):
    monkeypatch.setenv("HARNESS_RESULTS", "/elsewhere")
    assert str(results_folder("here")) == "here"
    assert str(results_folder(None)) == "/elsewhere"
    monkeypatch.delenv("HARNESS_RESULTS")
    assert str(results_folder(None)) == "results"


def test_the_id_of_a_run_sorts_by_its_time_and_does_not_repeat(monkeypatch):
    ids = {new_run_id() for _ in range(20)}
    assert len(ids) > 15
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{4}", i) for i in ids)
    monkeypatch.setattr(store.time, "gmtime", lambda: (2026, 1, 2, 3, 4, 5, 0, 2, 0))
    assert new_run_id().startswith("20260102-030405-")


def test_the_list_of_runs_shows_strangers_text_without_obeying_it(build, tmp_path):
    folder = Folder(tmp_path)
    case = build.planned("itself")
    header = build.header(
        [case], command="harness run\n\x1b[2J", started="2026-11-22T17:41", id="\x1b]0;x\x07"
    )
    writer = EventWriter(folder.run_path("20261122-174126-0c1f"), header)
    writer.write(Ended("2026-11-22T17:45:00.000Z", "finished"))
    writer.close()
    printed = CliRunner().invoke(command, ["--list", "--results", str(tmp_path)], standalone_mode=False)
    assert printed.exception is None
    lines = printed.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.isprintable() for line in lines)


# ---- reports -------------------------------------------------------------------------------------


def test_a_report_file_is_read_back_as_it_was_written(build, tmp_path):
    report = build.full_report()
    write_whole(tmp_path / "r.json", codec.pretty(report))
    assert read_report_file(tmp_path / "r.json") == report


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no report"),
        (b"{", "is no report"),
        (b"[]", "is no report"),
        (b'{"name":"\xff"}', "is no report"),
        (b'{"a":' + b"[" * 100_000, "is no report"),
        (b'{"a":1}', "it has no schema number"),
        (b'{"schema":"1"}', "it has no schema number"),
        (b'{"schema":2}', "has schema 2, this version reads up to 1"),
        (b'{"schema":1,"run":{}}', "is no report"),
    ],
    ids=["empty", "torn", "list", "latin-1", "deep", "no schema", "odd schema", "newer", "short"],
)
def test_what_is_no_report_is_refused_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "odd.json"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read_report_file(path)
    assert said in caught.value.message
    assert "odd.json" in caught.value.message


def test_a_report_that_is_not_there_is_an_error_with_the_systems_words(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        read_report_file(tmp_path / "absent.json")


@pytest.mark.parametrize(("key", "value"), [("status", "fine"), ("label", {"model": "mlp"})])
def test_a_report_with_a_record_that_no_reporter_could_show_is_refused(build, tmp_path, key, value):
    data = json.loads(codec.encode(build.full_report()))
    data["records"][0][key] = value
    (tmp_path / "r.json").write_text(json.dumps(data))
    with pytest.raises(StoreError, match="is no report"):
        read_report_file(tmp_path / "r.json")


# ---- whole files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("data", ["text ü\n", b"\x00\xff"])
def test_a_file_is_written_with_the_folders_it_needs(tmp_path, data):
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, data)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_whole_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_whole(path, "old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        write_whole(path, "new and longer")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_sees_the_old_file_until_the_new_one_is_complete(tmp_path, monkeypatch):
    path = tmp_path / "report.json"
    write_whole(path, "old")
    seen = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(path.read_text()), real(fd)))
    write_whole(path, "new")
    assert (seen, path.read_text()) == (["old"], "new")


def test_a_file_that_cannot_be_written_is_an_error_with_the_systems_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"Not a directory|File exists"):
        write_whole(tmp_path / "file" / "report.json", "x")


def test_a_device_or_a_pipe_is_written_into_and_never_replaced(tmp_path):
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, "text")
    reader.join()
    assert got == [b"text"]
    assert pipe.is_fifo()


def test_a_run_file_is_never_overwritten_by_what_is_made_of_it(build, tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(codec.encode_event(build.header([])) + b"\n")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is a run file: its measurements would be lost"):
        write_whole(path, "a table")
    assert path.read_bytes() == before
    other = tmp_path / "lines.jsonl"
    other.write_text("{}\n")
    write_whole(other, "a table")
    assert other.read_text() == "a table"


def test_a_pipe_named_like_a_run_is_no_run(folder):
    os.mkfifo(folder.benchmarks / "20990101-000000-ffff.jsonl")
    assert "20990101-000000-ffff" not in folder.ids()

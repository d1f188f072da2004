"""What is written to a run file is on the disk before it counts, and stays there."""

from __future__ import annotations

import dataclasses
import resource
import shutil

import pytest

from harness.errors import StoreError
from harness.records.finding import Intervention, Proof
from harness.store.eventfile import EventWriter, append
from harness.store.runfile import StoredRun, read


def rebuilt(header, events) -> StoredRun:
    run = StoredRun(header)
    for event in events:
        run.add(event)
    return run


# ---- writing -------------------------------------------------------------------------------------


def test_a_run_is_never_written_over_another(file, events):
    before = file.read_bytes()
    with pytest.raises(StoreError, match="File exists"):
        EventWriter(file, events[0])
    assert file.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_an_error_that_names_the_option(tmp_path, events):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(StoreError) as caught:
        EventWriter(tmp_path / "results" / "run.jsonl", events[0])
    assert "--results" in caught.value.hint


@pytest.fixture
def full_from():
    """A file system that takes no more than so many bytes of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_the_disk_does_not_take_is_an_error_and_leaves_no_half_line(tmp_path, events, full_from):
    path = tmp_path / "run.jsonl"
    writer = EventWriter(path, events[0])
    writer.write(events[1][2])
    size = path.stat().st_size
    full_from(size + 30)
    with pytest.raises(StoreError, match=r"cannot write .*run\.jsonl: File too large"):
        writer.write(events[1][4])
    assert path.stat().st_size == size
    full_from(size + 100_000)
    writer.write(events[1][4])
    writer.close()
    assert read(path) == rebuilt(events[0], [events[1][2], events[1][4]])


def test_a_disk_that_does_not_take_the_header_is_left_without_half_a_run(tmp_path, events, full_from):
    full_from(100)
    with pytest.raises(StoreError, match="File too large"):
        EventWriter(tmp_path / "run.jsonl", events[0])
    assert list(tmp_path.iterdir()) == []


# ---- whatever becomes of the file while it is written ------------------------------------------------


def _removed(path):
    path.unlink()


def _folder_removed(path):
    shutil.rmtree(path.parent)


def _folder_moved(path):
    path.parent.rename(path.parent.with_name("moved"))


def _cut(path):
    path.write_bytes(path.read_bytes()[:50])


@pytest.mark.parametrize("harm", [_removed, _folder_removed, _folder_moved, _cut])
def test_a_file_that_somebody_takes_away_is_written_anew(tmp_path, events, harm):
    header, rest = events
    path = tmp_path / "benchmarks" / "run.jsonl"
    writer = EventWriter(path, header)
    for event in rest[:3]:
        writer.write(event)
    harm(path)
    for event in rest[3:]:
        writer.write(event)
    writer.close()
    assert read(path) == rebuilt(*events)
    (note,) = writer.notes
    assert note.startswith("run.jsonl was ")
    assert note.endswith("while the run was measured, and was written anew")


def test_a_file_that_is_put_in_its_place_is_left_alone(tmp_path, events):
    path = tmp_path / "run.jsonl"
    writer = EventWriter(path, events[0])
    path.unlink()
    path.write_text("somebody's")
    for event in events[1]:
        writer.write(event)
    writer.close()
    assert path.read_text() == "somebody's"
    assert read(tmp_path / "run-anew.jsonl") == rebuilt(*events)


def test_where_it_cannot_be_written_anew_a_moved_file_goes_on_and_a_removed_one_is_an_error(tmp_path, events):
    folder, moved = tmp_path / "benchmarks", tmp_path / "moved"
    writer = EventWriter(folder / "run.jsonl", events[0])
    folder.rename(moved)
    folder.write_text("a file")
    writer.write(events[1][2])
    assert read(moved / "run.jsonl").samples == [events[1][2]]
    assert "goes on where it is now" in writer.notes[0]
    (moved / "run.jsonl").unlink()
    with pytest.raises(StoreError, match="was removed while it was written, and cannot be written anew"):
        writer.write(events[1][4])
    writer.close()


# ---- appended to a run that has ended ---------------------------------------------------------------


@pytest.fixture(scope="session")
def proof():
    made = Intervention("taken away", {"runner": "a"}, {"runner": "b"}, "faster")
    return Proof("casts", ["x"], made, True, "faster", 1.4, 1.3, 1.5, 10, "2026-11-25T08:00:00Z")


def test_what_is_appended_is_read_with_the_rest(file, events, proof):
    append(file, proof)
    append(file, dataclasses.replace(proof, proved=None))
    run = read(file)
    assert run.proofs == [proof, dataclasses.replace(proof, proved=None)]
    assert len(run.samples) == 3
    assert run.ended is not None
    assert not run.damage


@pytest.mark.parametrize("left", [1, 20])
def test_behind_a_torn_line_what_is_appended_is_whole(file, proof, left):
    data = file.read_bytes()
    last = data.rstrip(b"\n").rpartition(b"\n")[2]
    file.write_bytes(data[: len(data) - len(last) - 1 + left])
    append(file, proof)
    run = read(file)
    assert run.proofs == [proof]
    assert len(run.damage) == 1


def test_to_what_cannot_be_written_nothing_is_appended(tmp_path, proof):
    with pytest.raises(StoreError, match="cannot write"):
        append(tmp_path / "none" / "run.jsonl", proof)

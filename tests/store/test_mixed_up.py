"""Run files that were put together, doubled, converted or made up: what is sound is read, the rest is named."""

from __future__ import annotations

import dataclasses
import os

import pytest

from harness.analyse.analyse import analyse
from harness.errors import StoreError
from harness.records import codec
from harness.records.packed import pack_ns
from harness.store.eventfile import EventWriter
from harness.store.runfile import StoredRun, read


def rebuilt(header, events) -> StoredRun:
    run = StoredRun(header)
    for event in events:
        run.add(event)
    return run


# ---- files that were put together, doubled or converted -----------------------------------------------


def lines_of(file) -> list[bytes]:
    return file.read_bytes().splitlines()


def test_lines_of_another_run_are_left_out(file, tmp_path, events):
    """Cases have the same ids on every machine: only the run's own id tells them apart."""
    other = EventWriter(tmp_path / "other.jsonl", dataclasses.replace(events[0], id="20260101-000000-abcd"))
    for event in events[1]:
        other.write(event)
    other.close()
    whole = read(file)
    mixed = [*lines_of(file), *lines_of(tmp_path / "other.jsonl")[3:6]]
    file.write_bytes(b"\n".join([*mixed, b""]))
    run = read(file)
    assert dataclasses.replace(run, damage=[]) == whole
    assert run.damage == [
        f"line {n} of run.jsonl belongs to run 20260101-000000-abcd and is left out" for n in (11, 12, 13)
    ]


def test_a_line_that_is_there_twice_counts_once(file):
    whole, lines = read(file), lines_of(file)
    file.write_bytes(b"\n".join([*lines[:4], lines[3], *lines[4:], b""]))
    run = read(file)
    assert dataclasses.replace(run, damage=[]) == whole
    assert run.damage == ["line 5 of run.jsonl is there twice and counts once"]


def test_a_replicate_that_is_there_again_does_not_replace_the_first(file, events):
    whole, lines = read(file), lines_of(file)
    again = dataclasses.replace(events[1][2], seconds=99.0)
    file.write_bytes(b"\n".join([*lines[:4], codec.encode_event(again), *lines[4:], b""]))
    run = read(file)
    assert dataclasses.replace(run, damage=[]) == whole
    assert run.damage == ["line 5 of run.jsonl has replicate 1 of a case once more, and is left out"]


def test_a_line_about_a_case_that_is_not_in_the_plan_is_left_out(file, build):
    stray = codec.encode_event(build.sample(build.planned(batch_size=3)))
    file.write_bytes(file.read_bytes() + stray + b"\n")
    assert read(file).damage == [
        "line 11 of run.jsonl is about a case that this run does not have, and is left out"
    ]


@pytest.mark.parametrize(
    "convert",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"\n", b"\n\n"),
    ],
    ids=["windows", "byte order mark", "blank lines"],
)
def test_a_file_that_an_editor_or_git_converted_is_read_like_before(file, convert):
    whole = read(file)
    file.write_bytes(convert(file.read_bytes()))
    assert read(file) == whole


@pytest.mark.parametrize(
    "line",
    [
        b"x" * 20_000_000,
        b"\0" * 5000,
        b"[" * 200_000,
        codec.seal(b'{"event":"sample","facts":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}"),
        codec.seal(b'{"event":"ended","at":"","status":"finished","n":1' + b"0" * 5000 + b"}"),
        b'{"event":"sample","case":"' + b"9" * 5000,
    ],
    ids=["giant", "zeros", "deep", "deep and sealed", "a giant number", "torn"],
)
def test_a_damaged_line_in_the_middle_is_named_and_the_others_are_read(file, line):
    whole, lines = read(file), lines_of(file)
    file.write_bytes(b"\n".join([*lines[:4], line, *lines[4:], b""]))
    run = read(file)
    assert dataclasses.replace(run, damage=[]) == whole
    assert len(run.damage) <= 1
    assert all(said.startswith("line 5 of run.jsonl") and len(said) < 300 for said in run.damage)


def test_of_very_many_damaged_lines_there_is_a_number(file):
    whole = read(file)
    file.write_bytes(file.read_bytes() + b"x\n" * 10_000)
    run = read(file)
    assert dataclasses.replace(run, damage=[]) == whole
    assert len(run.damage) == 21
    assert run.damage[-1] == "and 9980 more lines of run.jsonl are left out"


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_refused(tmp_path, events, schema):
    path = tmp_path / "old.jsonl"
    path.write_bytes(codec.encode_event(dataclasses.replace(events[0], schema=schema)) + b"\n")
    with pytest.raises(StoreError, match=f"has schema {schema}, and schemas count from 1"):
        read(path)


def test_a_plan_with_a_case_twice_is_no_plan(tmp_path, build):
    case = build.planned("itself")
    (tmp_path / "r.jsonl").write_bytes(codec.encode_event(build.header([case, case])) + b"\n")
    with pytest.raises(StoreError, match="it has a case twice"):
        read(tmp_path / "r.jsonl")


def test_what_is_no_file_is_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "device.jsonl").symlink_to("/dev/zero")
    for name, kind in (("pipe", "a pipe"), ("folder", "a folder"), ("device", "a device")):
        with pytest.raises(StoreError, match=f"{name}.jsonl is no file: it is {kind}"):
            read(tmp_path / f"{name}.jsonl")


def test_a_file_larger_than_any_run_is_refused_unread(tmp_path):
    with open(tmp_path / "r.jsonl", "wb") as file:
        file.truncate(1 << 40)  # a hole: it takes no space
    with pytest.raises(StoreError, match=r"r\.jsonl is too large: more than 512 MiB"):
        read(tmp_path / "r.jsonl")


# ---- times that cannot be ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"calls_per_stamp": 0},
        {"calls_per_stamp": -1},
        {"empty_ns": 1e308},
        {"empty_ns": -1e308},
        {"device_ns": [0.0]},
        {"device_ns": [-1.0, 1e308]},
        {"blocks": [-3]},
        {"blocks": [10**9]},
        {"calls_ns": pack_ns([-5] * 20)},
        {"calls_ns": pack_ns([2**62] * 20)},
        {"calls_ns": pack_ns([0] * 3_000_000)},
    ],
    ids=lambda c: f"{next(iter(c))} {str(next(iter(c.values())))[:12]}",
)
def test_times_that_cannot_be_cost_their_replicate_and_are_told(file, events, changes):
    header, rest = events
    bad = dataclasses.replace(rest[2], timing=dataclasses.replace(rest[2].timing, **changes))
    (record,) = analyse(rebuilt(header, [*rest[:2], bad, *rest[3:]])).records
    assert record.replicates == 2
    assert record.latency_ms.median < 5
    assert any(w.startswith("replicate 1 cannot be read: ") for w in record.warnings)

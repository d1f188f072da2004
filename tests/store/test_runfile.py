"""A run file gives back every complete event, whatever happened to the file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.analyse.analyse import analyse
from harness.errors import StoreError
from harness.records import codec
from harness.records.events import (
    EVENTS,
    SCHEMA,
)
from harness.report.select import standard_order
from harness.store.eventfile import EventWriter
from harness.store.runfile import StoredRun, read


def rebuilt(header, events) -> StoredRun:
    run = StoredRun(header)
    for event in events:
        run.add(event)
    return run


def test_a_run_is_read_back_as_it_was_written(file, events):
    run = read(file)
    assert run == rebuilt(*events)
    assert run.damage == []
    assert len(run.samples) == 3
    assert run.ended.status == "finished"


def test_every_line_is_one_event_and_the_header_comes_first(file, events):
    lines = file.read_bytes().splitlines()
    assert len(lines) == 1 + len(events[1])
    assert codec.decode_event(lines[0]) == events[0]
    assert [codec.decode_event(line) for line in lines[1:]] == events[1]


def test_an_event_is_in_the_file_as_soon_as_it_is_written(tmp_path, events):
    path = tmp_path / "run.jsonl"
    writer = EventWriter(path, events[0])
    assert read(path) == rebuilt(events[0], [])
    writer.write(events[1][2])
    assert read(path).samples == [events[1][2]]
    writer.close()


def test_a_file_cut_off_at_any_byte_still_gives_every_complete_event(file, events):
    header, rest = events
    data = file.read_bytes()
    ends = [i + 1 for i, byte in enumerate(data) if byte == ord("\n")]
    for length in range(len(data), -1, -1):
        os.truncate(file, length)
        if length < ends[0]:
            with pytest.raises(StoreError):
                read(file)
            continue
        complete = sum(end <= length for end in ends) - 1
        run = read(file)
        torn = length not in ends
        assert dataclasses.replace(run, damage=[]) == rebuilt(header, rest[:complete])
        assert run.damage == (["the last line of run.jsonl is torn and left out"] if torn else [])


@pytest.mark.parametrize("number", range(2, 11))
def test_a_flipped_bit_costs_at_most_its_line_which_is_reported_by_its_number(file, events, number):
    header, rest = events
    lines = file.read_bytes().splitlines()
    victim = lines[number - 1]
    for place, mask in product(range(len(victim)), (0x01, 0x20)):
        flipped = victim[:place] + bytes([victim[place] ^ mask]) + victim[place + 1 :]
        file.write_bytes(b"\n".join([*lines[: number - 1], flipped, *lines[number:], b""]))
        run = read(file)
        if run.damage:
            assert f"line {number} of run.jsonl" in run.damage[0]
            others = [*rest[: number - 2], *rest[number - 1 :]]
        else:
            # Still an event, only with something else in it: the other lines are what they were.
            others = [*rest[: number - 2], codec.decode_event(flipped), *rest[number - 1 :]]
        assert dataclasses.replace(run, damage=[]) == rebuilt(header, others)
        (record,) = standard_order(analyse(run).records)
        assert record.replicates >= 2


def test_a_flipped_bit_in_the_header_is_an_error_or_another_header_and_no_traceback(file):
    data = file.read_bytes()
    for place in range(data.index(b"\n")):
        file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with contextlib.suppress(StoreError):
            standard_order(analyse(read(file)).records)


def test_a_damaged_line_is_a_line_of_the_report(file):
    lines = file.read_bytes().splitlines()
    lines[3] = lines[3][:-20]
    file.write_bytes(b"\n".join([*lines, b""]))
    (damage,) = analyse(read(file)).run.damage
    assert damage.startswith("line 4 of run.jsonl is damaged and left out (")


def test_a_line_that_is_no_text_at_all_is_damage_and_no_end(file):
    lines = file.read_bytes().splitlines()
    lines[3] = b'{"event":"sample","case":"\xff\xfe"}'
    lines[4] = os.urandom(40).replace(b"\n", b" ")
    file.write_bytes(b"\n".join([*lines, b""]))
    assert len(read(file).damage) == 2


def test_a_line_of_a_newer_kind_is_reported_and_the_rest_is_used(file):
    data = file.read_bytes()
    file.write_bytes(data + codec.seal(b'{"event":"probe","watts":3}') + b"\n")
    run = read(file)
    assert run.damage == ["line 11 of run.jsonl is of a kind unknown to this version"]
    assert len(run.samples) == 3


def test_a_second_header_does_not_replace_the_first(file, events):
    other = dataclasses.replace(events[0], id="another")
    file.write_bytes(file.read_bytes() + codec.encode_event(other) + b"\n")
    run = read(file)
    assert run.header == events[0]
    assert run.damage == ["line 11 of run.jsonl belongs to no run and is left out"]


def test_a_run_that_was_taken_up_again_and_killed_has_not_ended(file, events):
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:9]))
    assert read(file).ended is None
    assert analyse(read(file)).run.status == "running"


@pytest.mark.parametrize("name", [n for n in EVENTS if n != "run"])
def test_any_event_survives_the_file(build, tmp_path_factory, events, name):
    path = tmp_path_factory.mktemp("any") / "run.jsonl"

    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
    @given(st.lists(build.anything(EVENTS[name]), max_size=3))
    def check(written):
        path.unlink(missing_ok=True)
        # Of a case that the run has, and each once: what is not is left out.
        (case,) = events[0].plan.cases
        if name not in ("reference", "resumed", "proof", "ended"):
            written = [dataclasses.replace(e, case=case.id) for e in written]
        written = list({getattr(e, "replicate", codec.encode_event(e)): e for e in written}.values())
        writer = EventWriter(path, events[0])
        for event in written:
            writer.write(event)
        writer.close()
        assert read(path) == rebuilt(events[0], written)

    check()


# ---- files that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no run: it is empty"),
        (b"\n\n", "first line is no JSON object"),
        (b"a,b,c\n1,2,3\n", "first line is no JSON object"),
        (b"[1]\n", "first line is no JSON object"),
        (b'{"name":"\xff"}\n', "first line is no JSON object"),
        (b"\x89PNG\r\n\x1a\n", "first line is no JSON object"),
        (b'{"a":' + b"[" * 100_000 + b"\n", "first line is no JSON object"),
        (b'{"schema":1}\n', "first line is no header"),
        (b'{"event":"sample"}\n', "first line is no header"),
        (b'{"event":"run","schema":"1"}\n', "first line is no header"),
        (b'{"event":"run","schema":1}\n', "the header of"),
    ],
    ids=[
        "empty",
        "blank",
        "csv",
        "list",
        "latin-1",
        "image",
        "deep",
        "other",
        "sample",
        "odd schema",
        "short",
    ],
)
def test_what_is_no_run_file_is_refused_in_one_sentence(tmp_path, content, said):
    path = tmp_path / "odd.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        read(path)
    assert said in caught.value.message
    assert "odd.jsonl" in caught.value.message


def test_a_file_of_a_newer_schema_is_refused_with_what_to_do(tmp_path, events):
    path = tmp_path / "new.jsonl"
    path.write_bytes(codec.encode_event(dataclasses.replace(events[0], schema=SCHEMA + 1)) + b"\n")
    with pytest.raises(StoreError) as caught:
        read(path)
    assert f"has schema {SCHEMA + 1}, this version reads up to {SCHEMA}" in caught.value.message
    assert "the version that wrote it" in caught.value.hint


def test_a_file_that_is_not_there_is_an_error_with_the_systems_words(tmp_path):
    with pytest.raises(StoreError, match="No such file or directory"):
        read(tmp_path / "absent.jsonl")

"""What is written to a run file or a report is read back the same, by this version and by later ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.records import codec
from harness.records.events import EVENTS, STATUSES, Verification, worst
from harness.records.packed import pack_ns, unpack_ns
from harness.records.report import Report

_lenient = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_read_back_as_it_was_written(build, name):
    @settings(_lenient, max_examples=50)
    @given(build.anything(EVENTS[name]))
    def check(event):
        line = codec.encode_event(event)
        assert b"\n" not in line
        assert json.loads(line)["event"] == name
        assert codec.decode_event(line) == event

    check()


def test_every_report_is_read_back_as_it_was_written(build):
    @settings(_lenient, max_examples=50)
    @given(build.anything(Report))
    def check(report):
        assert codec.decode(codec.encode(report), Report) == report
        assert codec.decode(codec.pretty(report), Report) == report

    check()


def test_a_report_for_people_ends_in_a_newline_and_is_indented(build):
    text = codec.pretty(build.full_report())
    assert text.endswith("}\n")
    assert text.startswith('{\n  "schema": 1,\n')


def test_an_event_of_a_kind_that_a_newer_harness_writes_is_told_apart_from_damage():
    assert codec.decode_event(codec.seal(b'{"event":"probe","case":"x"}')) is None


def test_a_flipped_bit_anywhere_in_a_line_is_found(build):
    """Most flips leave valid JSON behind: another digit would pass for a measurement."""
    line = codec.encode_event(build.sample(build.planned()))
    for position in range(0, len(line), 7):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[position] ^= 1 << bit
            with pytest.raises(codec.DecodeError):
                codec.decode_event(bytes(flipped))


def test_keys_that_a_newer_harness_adds_are_passed_over(build):
    sample = build.sample(build.planned())
    line = codec.encode_event(sample)
    assert codec.decode_event(codec.seal(line[: line.rindex(b",")] + b',"energy_j":3}')) == sample


def test_what_an_older_harness_did_not_write_has_its_default():
    assert codec.decode(b'{"passed":true,"error":0.5,"tolerance":1.0}', Verification) == Verification(
        True, 0.5, 1.0
    )


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b"3", b"{}", b'{"event":3}', b'{"event":"sample"}', b'"ended"']
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(codec.DecodeError):
        codec.decode_event(line)


# ---- call times ----------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**63 - 1)))
def test_call_times_are_unpacked_to_the_nanosecond(times):
    assert unpack_ns(pack_ns(times)) == times


def test_packed_call_times_are_shorter_than_their_digits():
    times = [4_000_000 + 37 * (k % 91) for k in range(1000)]
    assert len(pack_ns(times)) < len(str(times)) / 2


@given(st.text() | st.binary().map(lambda b: b.decode("latin-1")))
def test_any_text_is_call_times_or_a_value_error(text):
    try:
        unpack_ns(text)
    except ValueError:
        return


@given(st.data())
def test_damaged_call_times_are_a_value_error_and_never_other_times(data):
    times = [4_000_000 + k for k in range(40)]
    packed = pack_ns(times)
    place = data.draw(st.integers(0, len(packed) - 1))
    cut = data.draw(st.booleans())
    text = (
        packed[:place]
        if cut
        else packed[:place] + data.draw(st.sampled_from("AZaz09+/=!")) + packed[place + 1 :]
    )
    try:
        found = unpack_ns(text)
    except ValueError:
        return
    assert found == times


def test_call_times_that_would_fill_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr("harness.records.packed._MOST_BYTES", 800)
    assert len(unpack_ns(pack_ns([0] * 100))) == 100
    with pytest.raises(ValueError, match="damaged call times"):
        unpack_ns(pack_ns([0] * 101))


# ---- statuses ------------------------------------------------------------------------------------


def test_the_worst_status_wins_in_the_documented_order():
    assert worst(["ok", "failed", "timeout"]) == "timeout"
    assert worst(["ok", "incorrect", "crashed"]) == "incorrect"
    assert worst(["ok", "interrupted"]) == "interrupted"
    assert worst(["ok", "ok"]) == "ok"
    assert worst([]) == "not_reached"


@given(st.lists(st.sampled_from(STATUSES), min_size=1))
def test_a_case_is_ok_only_if_every_replicate_is(statuses):
    assert (worst(statuses) == "ok") == (set(statuses) == {"ok"})


def test_any_number_of_times_that_are_all_alike_is_read_back():
    times = [40] * 200_000
    assert unpack_ns(pack_ns(times)) == times

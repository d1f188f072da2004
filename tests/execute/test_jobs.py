"""What parent and child tell each other arrives whole, in order, or not at all."""

from __future__ import annotations

import json
import os
import socket
import struct
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.channel import MOST_BYTES, Channel, Reader
from harness.execute import zygote
from harness.jobs import JOBS, decode_job, encode_job
from harness.records import codec


@pytest.mark.parametrize("kind", JOBS)
def test_every_job_arrives_as_it_was_sent(build, kind):
    @settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example])
    @given(build.anything(JOBS[kind]))
    def check(job):
        assert decode_job(encode_job(kind, job)) == (kind, job)

    check()


def framed(*messages: tuple[str, object]) -> bytes:
    """What a child writes for these messages."""
    bodies = [json.dumps({"name": name, "body": body}).encode() for name, body in messages]
    return b"".join(struct.pack("!I", len(b)) + b for b in bodies)


_bodies = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
_messages = st.lists(st.tuples(st.text(max_size=8), _bodies), max_size=4)


@given(_messages, st.lists(st.integers(1, 40), max_size=20))
def test_messages_arrive_whole_and_in_order_however_the_pipe_cuts_them(messages, cuts):
    data = framed(*messages)
    reader, found = Reader(), []
    for cut in [*cuts, len(data)]:
        found += reader.feed(data[:cut])
        data = data[cut:]
    assert found == messages
    assert not reader.broken


@given(_messages, st.binary(min_size=1, max_size=60))
def test_garbage_after_messages_costs_none_of_them_and_raises_nothing(messages, garbage):
    reader = Reader()
    found = list(reader.feed(framed(*messages) + garbage))
    assert found[: len(messages)] == messages


def test_a_message_that_was_cut_off_by_a_crash_is_no_message():
    reader = Reader()
    assert list(reader.feed(framed(("stage", "load"), ("result", {"x": 1}))[:-3])) == [("stage", "load")]


@pytest.mark.parametrize(
    "bad",
    [
        struct.pack("!I", MOST_BYTES + 1),
        struct.pack("!I", 3) + b"{{{",
        struct.pack("!I", 2) + b"[]",
        struct.pack("!I", 2) + b"{}",
        struct.pack("!I", 14) + b'{"name":"\xff\xff"}',
    ],
    ids=["too long", "no JSON", "no object", "no name", "no text"],
)
def test_after_a_malformed_message_everything_is_ignored(bad):
    reader = Reader()
    assert list(reader.feed(framed(("stage", "load")) + bad + framed(("result", 1)))) == [("stage", "load")]
    assert reader.broken
    assert list(reader.feed(framed(("result", 1)))) == []


def test_a_channel_writes_what_a_reader_reads_and_never_half_of_a_long_message(build):
    read_end, write_end = os.pipe()
    sample = build.sample(build.planned(), timing=build.timing([[4.0 + 0.001 * k for k in range(5000)]] * 5))

    def send() -> None:
        channel = Channel(write_end)
        channel.send("stage", "measure")
        channel.send("result", sample)
        channel.send("empty")
        os.close(write_end)

    child = threading.Thread(target=send)
    child.start()
    reader, found = Reader(), []
    while data := os.read(read_end, 1000):
        found += reader.feed(data)
    child.join()
    os.close(read_end)
    assert [name for name, _ in found] == ["stage", "result", "empty"]
    assert codec.convert(found[1][1], type(sample)) == sample
    assert found[2][1] is None


def test_a_zygote_whose_parent_has_gone_before_it_could_ask_ends_at_once():
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    assert not zygote.alone(theirs)
    ours.send(b"{}")
    assert not zygote.alone(theirs)
    assert theirs.recv(2) == b"{}"
    ours.close()
    assert zygote.alone(theirs)
    theirs.close()

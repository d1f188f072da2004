"""However a child ends, there is a status and one sentence that says what happened where."""

from __future__ import annotations

import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.answers import BuildResult, SampleResult
from harness.errors import Unsupported, UsageError
from harness.execute.child import Outcome
from harness.execute.limits import NO_ANSWERS
from harness.execute.outcomes import ending, result, sample_of
from harness.execute.watch import Breach
from harness.execute.worker import failure_of, is_out_of_memory
from harness.records import codec
from harness.records.events import STATUSES
from harness.records.report import Report


def outcome(stage: str | None = "measure", **changes) -> Outcome:
    """How a child ended while it was in some stage."""
    messages = {"stage": stage} if stage else {}
    return Outcome(messages={**messages, **changes.pop("messages", {})}, **{"seconds": 2.0, **changes})


def end(found: Outcome, timeout_s: float = 600.0) -> tuple[str, str | None]:
    ended = ending(found, timeout_s)
    return ended.status, ended.reason


def test_a_child_that_answered_is_ok():
    assert end(outcome(messages={"result": {}}, exit_code=0)) == ("ok", None)


@pytest.mark.parametrize(
    ("stage", "doing"),
    [
        (None, "starting"),
        ("reference", "making the reference"),
        ("build", "making its files"),
        ("load", "loading"),
        ("verify", "verifying"),
        ("measure", "measuring"),
    ],
)
def test_the_sentence_says_how_far_it_came(stage, doing):
    assert end(outcome(stage, signal=signal.SIGSEGV)) == (
        "crashed",
        f"killed by SIGSEGV (segmentation fault) while {doing}",
    )


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        (
            {"signal": signal.SIGKILL},
            "crashed",
            "killed by SIGKILL while measuring, probably by the kernel's out-of-memory killer",
        ),
        (
            {"signal": signal.SIGKILL, "oom_told": True},
            "crashed",
            "killed by SIGKILL while measuring, by itself or another process: "
            "the kernel's out-of-memory killer did not strike",
        ),
        (
            {"signal": signal.SIGABRT, "log": "terminate called after throwing 'std::bad_alloc'"},
            "out_of_memory",
            "killed by SIGABRT (abort) while measuring",
        ),
        (
            {"signal": signal.SIGKILL, "breach": Breach("out_of_memory", "it held too much")},
            "out_of_memory",
            "it held too much: ended while measuring",
        ),
        (
            {"exit_code": 1, "garbled": True},
            "failed",
            "its code wrote into the pipe of its answers while measuring",
        ),
        ({"exit_code": NO_ANSWERS}, "failed", "its code closed the pipe of its answers while measuring"),
        ({"signal": signal.SIGABRT}, "crashed", "killed by SIGABRT (abort) while measuring"),
        ({"signal": signal.SIGILL}, "crashed", "killed by SIGILL (illegal instruction) while measuring"),
        ({"signal": 99}, "crashed", "killed by signal 99 while measuring"),
        (
            {"signal": signal.SIGKILL, "oom_killed": True},
            "out_of_memory",
            "ended by the kernel's out-of-memory killer while measuring",
        ),
        (
            {"timed_out": True, "signal": signal.SIGKILL},
            "timeout",
            "not done within 5 s, ended while measuring",
        ),
        ({"interrupted": True, "signal": signal.SIGKILL}, "interrupted", "interrupted while measuring"),
        ({"lost": True}, "crashed", "its parent process died while it was measuring"),
        ({"exit_code": 3}, "failed", "its process ended itself with code 3 while measuring"),
        ({"exit_code": 0}, "failed", "its process ended itself with code 0 while measuring"),
    ],
)
def test_each_way_to_end_without_an_answer_has_its_sentence(changes, status, reason):
    assert end(outcome(**changes), 5.0) == (status, reason)


def test_an_interrupted_or_late_child_is_not_called_crashed_for_being_killed():
    # Whoever ends a child by a signal must not blame the child.
    assert end(outcome(interrupted=True, signal=signal.SIGKILL))[0] == "interrupted"
    assert end(outcome(timed_out=True, signal=signal.SIGKILL))[0] == "timeout"


def test_pythons_own_last_words_are_in_the_reason():
    log = "Fatal Python error: none_dealloc: deallocating None\nmore"
    assert end(outcome(signal=signal.SIGABRT, log=log))[1].endswith(": none_dealloc: deallocating None")


def test_what_the_signal_already_says_is_not_said_twice():
    log = "Fatal Python error: Segmentation fault\n"
    assert end(outcome(signal=signal.SIGSEGV, log=log))[1].count("egmentation fault") == 1


def test_what_a_child_printed_is_kept_for_verbose():
    found = ending(outcome(exit_code=1, log="  last words\n"), 600)
    assert found.detail == "last words"


def test_an_exception_in_a_child_is_its_reason_with_the_stage():
    failure = {"status": "failed", "reason": "ValueError: no (net.py:12)", "detail": "Traceback"}
    found = ending(outcome("load", messages={"failure": failure}, exit_code=1, log="printed"), 600)
    assert (found.status, found.reason) == ("failed", "loading: ValueError: no (net.py:12)")
    assert found.detail == "Traceback\nprinted"


@pytest.mark.parametrize("status", ["unsupported", "out_of_memory"])
def test_what_is_no_fault_of_the_code_needs_no_stage(status):
    failure = {"status": status, "reason": "nothing was compiled: try -r eager"}
    assert end(outcome(messages={"failure": failure})) == (status, "nothing was compiled: try -r eager")


@pytest.mark.parametrize("failure", [None, 3, {}, {"status": "failed"}, {"status": 1, "reason": 2}])
def test_a_failure_that_cannot_be_read_is_still_a_failure(failure):
    assert end(outcome(messages={"failure": failure}, exit_code=1))[0] == "failed"


_any_outcome = st.builds(
    Outcome,
    messages=st.dictionaries(
        st.sampled_from(["stage", "failure", "result", "verification", "other"]),
        st.none()
        | st.text(max_size=5)
        | st.integers()
        | st.lists(st.integers(), max_size=2)
        | st.fixed_dictionaries(
            {"status": st.sampled_from([*STATUSES, "odd"]), "reason": st.text(max_size=5)}
        ),
    ),
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.integers(1, 64),
    timed_out=st.booleans(),
    interrupted=st.booleans(),
    lost=st.booleans(),
    oom_killed=st.booleans(),
    log=st.text(max_size=20),
)


@given(_any_outcome)
def test_whatever_a_child_sent_the_parent_has_a_sample_that_it_can_store(found):
    sample = sample_of(found, "case", 0, "now", 600.0)
    assert sample.status in STATUSES
    assert (sample.status == "ok") == (sample.timing is not None)
    assert (sample.reason is None) == (sample.status == "ok")
    assert codec.decode_event(codec.encode_event(sample)) == sample


# ---- samples -------------------------------------------------------------------------------------


def answered(build, **changes) -> Outcome:
    """A child that measured; as its answer looks after the way through the pipe."""
    values = {
        "timing": build.timing([[4.0] * 4]),
        "verification": build.verification(),
        "facts": {"graphs": 1},
    }
    sent = SampleResult(ready_s=0.2, load_s=0.1, warnings=["w"], **{**values, **changes})
    body = codec.decode(codec.encode(sent), dict)
    return outcome(
        messages={"result": body, "verification": body["verification"]}, exit_code=0, log="printed"
    )


def test_a_finished_replicate_is_kept_with_everything_it_found(build):
    sample = sample_of(answered(build), "case", 2, "now", 600)
    assert (sample.case, sample.replicate, sample.status, sample.stage) == ("case", 2, "ok", "done")
    assert (sample.ready_s, sample.load_s, sample.seconds) == (0.2, 0.1, 2.0)
    assert sample.timing == build.timing([[4.0] * 4])
    assert (sample.facts, sample.warnings) == ({"graphs": 1}, ["w"])
    assert (sample.reason, sample.detail) == (None, None)


def test_a_wrong_output_makes_a_replicate_incorrect_with_the_verifications_reason(build):
    wrong = build.verification(False, 0.3)
    sample = sample_of(answered(build, verification=wrong), "case", 0, "now", 600)
    assert (sample.status, sample.reason) == ("incorrect", wrong.reason)
    assert sample.timing is not None


def test_a_spoiled_timing_makes_a_replicate_failed(build):
    sample = sample_of(answered(build, spoiled="it compiled 2 times"), "case", 0, "now", 600)
    assert (sample.status, sample.reason) == ("failed", "it compiled 2 times")


def test_a_wrong_output_is_worse_than_a_spoiled_timing(build):
    sample = sample_of(
        answered(build, verification=build.verification(False, 0.3), spoiled="x"), "c", 0, "now", 600
    )
    assert sample.status == "incorrect"


def test_an_unverified_replicate_is_ok_and_says_nothing_of_its_error(build):
    sample = sample_of(answered(build, verification=None), "case", 0, "now", 600)
    assert (sample.status, sample.verification) == ("ok", None)


def test_a_crash_while_measuring_keeps_the_verification_that_came_before(build):
    body = codec.decode(codec.encode(build.verification()), dict)
    sample = sample_of(outcome(messages={"verification": body}, signal=signal.SIGSEGV), "case", 0, "now", 600)
    assert (sample.status, sample.stage) == ("crashed", "measure")
    assert sample.verification == build.verification()


def test_an_answer_of_another_kind_is_a_failure():
    sample = sample_of(outcome(messages={"result": {"odd": 1}}, exit_code=0), "case", 0, "now", 600)
    assert (sample.status, sample.reason) == ("failed", "its process sent an answer that cannot be read")


def test_a_result_is_given_as_its_type_or_not_at_all():
    assert result(outcome(messages={"result": {"build_s": 1.5}}), BuildResult) == BuildResult(1.5)
    assert result(outcome(messages={"result": {"build_s": "x"}}), BuildResult) is None
    assert result(outcome(), Report) is None


# ---- exceptions in a child -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (ValueError("no"), "failed", "ValueError: no"),
        (
            Unsupported("nothing was\n compiled: try -r eager"),
            "unsupported",
            "nothing was compiled: try -r eager",
        ),
        (Unsupported(), "unsupported", "its plugin gives no reason"),
        (MemoryError(), "out_of_memory", "MemoryError"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out_of_memory", "CUDA out of memory"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
            "out_of_memory",
            "allocate",
        ),
        (RuntimeError("std::bad_alloc"), "out_of_memory", "bad_alloc"),
        (SystemExit(3), "failed", "the code ended its process: SystemExit(3)"),
        (UsageError("there is no model 'x'"), "failed", "there is no model 'x'"),
    ],
    ids=lambda x: type(x).__name__ if isinstance(x, BaseException) else "",
)
def test_an_exception_is_a_status_and_one_line(error, status, said):
    failure = failure_of(error)
    assert failure.status == status
    assert said in failure.reason
    assert "\n" not in failure.reason
    assert failure.usage is isinstance(error, UsageError)


def test_an_exception_names_the_line_of_the_users_own_code(tmp_path):
    file = tmp_path / "net.py"
    file.write_text("import json\n\ndef load():\n    return json.loads('{')\n")
    scope: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    with pytest.raises(ValueError, match="Expecting") as caught:
        scope["load"]()
    assert failure_of(caught.value).reason.endswith("(net.py:4)")


def test_a_value_error_that_mentions_memory_is_no_lack_of_it():
    assert not is_out_of_memory(ValueError("out of memory is a film"))
    assert not is_out_of_memory(RuntimeError("shape mismatch"))

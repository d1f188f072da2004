"""The one thread and the queue before it, on jobs that are no models."""

import asyncio
import threading

import pytest

from harness.serve.gate import Closed, Full, Gate


@pytest.fixture
def gate():
    made = Gate(limit=2)
    yield made
    made.close(10)


def test_jobs_run_in_one_thread_in_the_order_they_came(gate):
    seen = []
    jobs = [gate.submit(lambda k=k: seen.append((k, threading.current_thread().name))) for k in range(50)]
    for job in jobs:
        job.result(10)
    assert seen == [(k, "inference") for k in range(50)]


def test_it_admits_one_that_runs_and_as_many_that_wait_as_it_was_told(gate):
    with gate.admitted(), gate.admitted(), gate.admitted():
        with pytest.raises(Full), gate.admitted():
            pass
        assert gate.waiting == 3
    with gate.admitted():
        assert gate.inside == 1
    assert gate.inside == 0


def test_a_request_that_fails_leaves_its_place(gate):
    with pytest.raises(ValueError, match="no"), gate.admitted():
        raise ValueError("no")
    assert gate.inside == 0


@pytest.mark.parametrize("error", [SystemExit("x"), StopIteration(), KeyboardInterrupt(), GeneratorExit()])
def test_what_no_coroutine_may_raise_arrives_as_an_error_and_the_thread_lives(gate, error):
    def job():
        raise error

    async def main():
        with pytest.raises(RuntimeError, match=type(error).__name__):
            await gate.run(job)
        return await gate.run(lambda: "alive")

    assert asyncio.run(main()) == "alive"


def test_the_loop_turns_while_a_job_runs(gate):
    go = threading.Event()

    async def main():
        job = asyncio.create_task(gate.run(lambda: go.wait(30)))
        while gate.running_s is None:
            await asyncio.sleep(0)
        go.set()  # the loop is what lets the job end: had it waited, nothing would
        return await job

    assert asyncio.run(main()) is True
    assert gate.running_s is None


def test_a_job_nobody_waits_for_any_more_is_not_begun(gate):
    go, begun = threading.Event(), []
    first = gate.submit(lambda: go.wait(30))
    second = gate.submit(lambda: begun.append(2))
    assert second.cancel()
    go.set()
    first.result(10)
    gate.submit(lambda: None).result(10)
    assert begun == []


def test_closed_it_finishes_what_is_queued_and_takes_no_more():
    gate, done = Gate(5), []
    for k in range(5):
        gate.submit(lambda k=k: done.append(k))
    assert gate.close(10)
    assert done == [0, 1, 2, 3, 4]
    with pytest.raises(Closed):
        gate.submit(lambda: None)
    assert gate.close(10)


def test_a_job_that_does_not_end_is_told_and_not_waited_for_forever():
    gate, go = Gate(5), threading.Event()
    gate.submit(lambda: go.wait(60))
    assert not gate.close(0.05)
    go.set()
    assert gate.close(10)

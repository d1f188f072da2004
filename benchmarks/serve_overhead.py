"""What HTTP, parsing, the queue and the answer add to a call of the model.

`harness serve` runs as a process of its own; this process holds the same case, loaded the same way. Each
round makes one bare call of the session here and one request of each kind there, in an order drawn anew,
over a connection that stays open. Every answer says how long the model's call took inside the service, so
the overhead of a request is its wall time here less that call: paired within the request.

A round begins with an untimed bare call, and an untimed request before the first round opens the
connection. The service and this process never work at the same time.
"""

from __future__ import annotations

import http.client
import io
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.publish import (
    Result,
    Target,
    environment,
    harness_command,
    load_average,
    parser,
    progress,
    publish,
    table,
)
from benchmarks.spread import ratios, spread

ROUNDS, QUICK_ROUNDS = 100, 10
BATCHES = (1, 16, 64)
MODEL, THREADS = "mlp", 1
MOST_MS, MOST_RATIO = 5.0, 1.25
JSON, NPY = "application/json", "application/x-npy"


@dataclass(frozen=True)
class Kind:
    """One way to ask."""

    name: str
    body: bytes
    content_type: str
    accept: str


def kinds(batch: int) -> list[Kind]:
    """Random input, and the same real input as npy bytes and as JSON lists, with the output asked for."""
    import numpy

    x = numpy.random.default_rng(0).standard_normal((batch, 512)).astype("float32")
    stream = io.BytesIO()
    numpy.save(stream, x)
    lists = json.dumps({"inputs": x.tolist(), "return_output": True}).encode()
    size = json.dumps({"batch_size": batch}).encode()
    return [
        Kind("random input, no output", size, JSON, JSON),
        Kind("npy in, npy out", stream.getvalue(), NPY, NPY),
        Kind("JSON in, JSON out", lists, JSON, JSON),
    ]


class Service:
    """`harness serve` on a free port, with one open connection."""

    def __init__(self, folder: Path) -> None:
        words = [harness_command(), "serve", "-m", MODEL, "--threads", str(THREADS), "--port", "0"]
        self._process = subprocess.Popen(
            [*words, "--max-batch", str(max(BATCHES))],
            env=environment(folder),
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                break
        else:
            raise SystemExit("error: the service did not start")
        self._connection = http.client.HTTPConnection("127.0.0.1", int(found[1]))

    def ask(self, kind: Kind) -> tuple[float, float, float]:
        """Milliseconds: of the whole request, of the model's call in it, and of its wait in the queue.

        Raises:
            SystemExit: it is not answered with 200.
        """
        headers = {"Content-Type": kind.content_type, "Accept": kind.accept}
        start = time.perf_counter()
        self._connection.request("POST", "/infer", kind.body, headers)
        answer = self._connection.getresponse()
        data = answer.read()
        wall_ms = (time.perf_counter() - start) * 1e3
        if answer.status != 200:
            raise SystemExit(f"error: {answer.status} {data[:200]!r}")
        if kind.accept == NPY:
            return wall_ms, float(answer.headers["X-Latency-Ms"]), float(answer.headers["X-Queue-Ms"])
        body = json.loads(data)
        return wall_ms, body["latency_ms"], body["queue_ms"]

    def close(self) -> None:
        self._connection.close()
        self._process.send_signal(signal.SIGTERM)
        if self._process.wait(60):
            raise SystemExit(f"error: the service ended with {self._process.returncode}")


def bare_calls() -> Any:
    """The same case in this process: a function from a batch size to the milliseconds of one call."""
    from harness.serve.model import load
    from harness.serve.settings import ServeSettings

    service = load(ServeSettings(model=MODEL, threads=THREADS, max_batch=max(BATCHES)))

    def call(batch: int) -> float:
        def job() -> float:
            case = service.model.own_at(batch)
            case.call(case.feeds[0])
            return float(case.last_s * 1e3)

        return service.gate.submit(job).result()

    return call, service


def measure(rounds: int, order: random.Random, folder: Path) -> dict[int, dict[str, list[list[float]]]]:
    """By batch size and kind: for each round the request, its call, its queue, and the bare call, in ms."""
    server = Service(folder)
    call, own = bare_calls()
    try:
        found: dict[int, dict[str, list[list[float]]]] = {}
        for batch in BATCHES:
            progress(f"batch {batch}: {rounds} rounds")
            ways = kinds(batch)
            found[batch] = {kind.name: [] for kind in ways}
            for kind in ways:
                server.ask(kind)
            for _ in range(rounds):
                call(batch)
                bare_ms = call(batch)
                for kind in order.sample(ways, len(ways)):
                    found[batch][kind.name].append([*server.ask(kind), bare_ms])
        return found
    finally:
        own.close(10.0)
        server.close()


def main() -> int:
    options = parser("serve_overhead", __doc__.partition("\n")[0])
    options.add_argument("--rounds", type=int, help=f"{ROUNDS} by default")
    given = options.parse_args()
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    seed = given.order_seed if given.order_seed is not None else random.SystemRandom().randrange(1 << 32)
    load = load_average()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        found = measure(rounds, random.Random(seed), Path(name))

    rows, targets, spreads = [], [], {}
    for batch, by_kind in found.items():
        for kind, values in by_kind.items():
            walls, calls, waits, bares = (list(column) for column in zip(*values, strict=True))
            overhead = spread([w - c for w, c in zip(walls, calls, strict=True)])
            against = ratios(calls, bares)
            rows.append(
                [
                    str(batch),
                    kind,
                    spread(bares).text(),
                    spread(calls).text(),
                    spread(walls).text(),
                    overhead.text(),
                    spread(waits).text(3),
                ]
            )
            spreads[f"{batch}, {kind}"] = {
                "overhead_ms": asdict(overhead),
                "call_over_bare": asdict(against),
                "wall_over_bare": asdict(ratios(walls, bares)),
            }
            if batch == 1 and kind.startswith("npy"):
                targets.append(
                    Target(
                        "one sample as npy: the service adds at most this to the call",
                        overhead.median <= MOST_MS,
                        f"{overhead.text()} ms",
                        f"{MOST_MS:g} ms",
                    )
                )
            if batch == max(BATCHES) and kind.startswith("npy"):
                targets.append(
                    Target(
                        f"batch {batch} as npy: the call inside the service beside the bare one",
                        against.median <= MOST_RATIO,
                        f"{against.text()} x",
                        f"{MOST_RATIO:g} x",
                    )
                )
    result = Result(
        name="serve_overhead",
        title="What the service adds to a call of the model",
        question=f"`harness serve -m {MODEL} --threads {THREADS}` beside the bare session call of the same "
        f"case in another process, in turns: median (quartiles) of {rounds} rounds, in milliseconds.",
        tables=[
            table(
                [
                    "batch",
                    "request",
                    "bare call",
                    "call in the service",
                    "whole request",
                    "overhead",
                    "queue",
                ],
                rows,
            )
        ],
        notes=[
            "The overhead is the whole request less the model's call in it, within each request: the "
            "client's own HTTP, the loopback, parsing, the queue, binding, copying the output and encoding "
            "the answer; for random input, drawing it, too.",
            "The queue is the time from the parsed request to the start of its work; nobody else asks.",
            "One client, one open connection, one request at a time: nothing is said of load here.",
            "A sample is 512 numbers in and 512 out; each side computes with one thread.",
        ],
        targets=targets,
        figures={
            "rounds": rounds,
            "order_seed": seed,
            "load_average_before": load,
            "columns": ["request_ms", "call_ms", "queue_ms", "bare_ms"],
            "values": {
                str(b): {k: [[round(x, 4) for x in v] for v in vs] for k, vs in ks.items()}
                for b, ks in found.items()
            },
            "spreads": spreads,
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())

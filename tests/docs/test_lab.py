"""The lab is a road of six exercises whose commands run as they stand there.

The slow test leaves what each command printed in its folder (`--basetemp`), to renew the outputs on the page from.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "lab.md").read_text("utf-8")
PORT = "8000"

LOOK_FOR = {
    "harness run": (
        r"^    runner +precision +latency ms +±95 % +samples/s +vs baseline +peak MiB +error ",
        r"^mlp  batch 1  cpu, 1 thread ",
        r"^mlp  batch 16  cpu, 1 thread ",
        r"^\* .* best correct|cannot be told: the machine was busy",
        r"^not run: onnxruntime x bf16-true on mlp",
        r"^saved: results/benchmarks/",
    ),
    "harness explain": (
        r"^mlp  batch 16  cpu, 1 thread",
        r" baseline$",
        r"^ +evidence: ",
        r"weights .* MiB",
        r"^mlp  batch 16  cpu, 1 thread: (fastest correct: |which one is fastest cannot be told: )",
    ),
    "harness explain --brief": (
        r"^mlp at batch \d+: .* is (the )?fastest|^Which configuration is fastest cannot be told",
        r"^It needs .* MiB at its peak, |^Measure again",
    ),
    "harness profile": (
        r"^operator +calls +self CPU ms +share +total CPU ms$",
        r"^aten::addmm ",
        r"^aten::linear ",
        r"^all operators .* 100\.0 % ",
        r"^trace  results/profiler/mlp_eager_fp32_b64_cpu_trace\.json",
    ),
    "harness export": (
        r"^  PASS ",
        r"^    batch    largest deviation    error$",
        r"^ +16 .* pass$",
        r"^  inputs      x float32\[batch, 512\]$",
    ),
    "harness claims": (
        r"^(CONFIRMED|REFUTED|NOT TESTABLE HERE) +a larger batch is worth it$",
        r"^CONFIRMED +bf16 halves the weights$",
        r"^(CONFIRMED|REFUTED|NOT TESTABLE HERE) +compile is worth 15 %$",
    ),
    "harness serve": (r"INFO serving mlp, eager, fp32 on cpu at http://127\.0\.0\.1:\d+ ",),
    "/health": (r'"status":"ok"', r'"verification":\{"passed":true,'),
    '"dtype": "bf16"': (r'"output_shape":\[4,512\]', r'"latency_ms":', r'"dtype_used":"bf16-amp"'),
    '"input_dim": 511': (r'"error":"input_dim: is 511;',),
    "/benchmark/quick": (r'"batch_16":\{"latency_ms":', r'"throughput_samples_s":', r'"note":"'),
}
"""What a reader is pointed to in the output of a command, by a part of the command; never a measured number."""

CODES = {"harness claims": (0, 1)}
"""Exit codes other than 0: a claim may be refuted on the machine that runs this."""


@dataclass(frozen=True)
class Step:
    """A command of the page and the output that is shown below it."""

    line: str
    shown: str


def exercises() -> list[str]:
    return re.findall(r"^## \d\. .*?(?=^## )", PAGE, re.M | re.S)


def steps(text: str = PAGE) -> list[Step]:
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            line, _, shown = part.partition("\n")
            found.append(Step(line, shown))
    return found


def files() -> dict[str, str]:
    """Files that the page has a reader write: blocks whose first line is a comment with the name."""
    return dict(re.findall(r"^```toml\n# (\S+)\n(.*?)^```$", PAGE, re.M | re.S))


def wanted(line: str) -> tuple[str, ...]:
    keys = [key for key in LOOK_FOR if key in line]
    assert keys, f"LOOK_FOR says nothing of {line}"
    return LOOK_FOR[max(keys, key=len)]


# ---- what is on the page ----------------------------------------------------------------------------


def test_there_are_six_exercises_each_with_a_command_an_output_a_question_and_an_answer():
    found = exercises()
    assert len(found) == 6
    for text in found:
        assert all(step.shown.strip() for step in steps(text)), text[:40]
        assert steps(text), text[:40]
        assert text.count("\n**Question.**") == text.count("\n**Answer.**") == 1, text[:40]


def test_the_road_leads_past_every_instrument_that_it_promises():
    lines = "\n".join(step.line for step in steps())
    for command in ("run", "explain", "explain --brief", "profile", "export", "serve", "claims"):
        assert f"harness {command}" in lines


@pytest.mark.parametrize("step", steps(), ids=[s.line for s in steps()])
def test_an_output_on_the_page_has_what_its_reader_is_pointed_to(step: Step):
    for pattern in wanted(step.line):
        assert re.search(pattern, step.shown, re.M), f"{step.line}: {pattern}"


# ---- its commands, run in the order of the page ------------------------------------------------------


class Reader:
    """Somebody who types the page's commands into a terminal, and the service into another."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_") or k == "HARNESS_LOCKS"}
        self.env = {**kept, "PATH": tools, "CUDA_VISIBLE_DEVICES": ""}
        self.service: subprocess.Popen[str] | None = None
        self.url = ""

    def types(self, line: str) -> tuple[int, str]:
        """The exit code of a command, and all it printed."""
        if line.startswith("harness serve"):
            return self._serve(line)
        words = shlex.split(line.replace(f"localhost:{PORT}", self.url))
        done = subprocess.run(
            words,
            cwd=self.folder,
            env=self.env,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    def _serve(self, line: str) -> tuple[int, str]:
        assert f"--port {PORT}" in line
        words = shlex.split(line.replace(f"--port {PORT}", "--port 0"))
        log = self.folder / "serve.log"
        with log.open("w") as out:
            self.service = subprocess.Popen(words, cwd=self.folder, env=self.env, stderr=out, text=True)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.service.poll() is None:
            if found := re.search(r" at http://(\S+:\d+) ", log.read_text("utf-8")):
                self.url = found[1]
                return 0, log.read_text("utf-8")
            time.sleep(0.05)
        return self.service.poll() or -1, log.read_text("utf-8")

    def leaves(self) -> int:
        """Ctrl-C in the service's terminal; its exit code."""
        assert self.service is not None
        self.service.send_signal(signal.SIGINT)
        return self.service.wait(60)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    one = Reader(tmp_path_factory.mktemp("lab"))
    for name, text in files().items():
        (one.folder / name).write_text(text)
    yield one
    if one.service is not None and one.service.poll() is None:
        one.service.kill()
        one.service.wait()


@pytest.mark.slow
@pytest.mark.timeout(1200)  # six exercises, some of which measure for a minute
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_commands_of_the_page_do_what_it_says_in_its_order(reader: Reader):
    for number, step in enumerate(steps(), 1):
        code, printed = reader.types(step.line)
        (reader.folder / f"{number:02}.txt").write_text(f"$ {step.line}\n{printed}")
        known = [codes for key, codes in CODES.items() if step.line.startswith(key)]
        assert code in (known[0] if known else (0,)), f"$ {step.line}\n{printed}"
        for pattern in wanted(step.line):
            assert re.search(pattern, printed, re.M), f"{pattern} is not in\n$ {step.line}\n{printed}"
    assert reader.leaves() == 0

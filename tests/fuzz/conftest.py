"""What the fuzzing shares: how many examples, what counts as survived, and real files to damage.

`make test` tries a few hundred examples of each kind. The slow tests try thousands, and count them.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.cli import main
from harness.errors import HarnessError
from harness.records import codec
from harness.records.events import Ended
from harness.records.noise import BlockNoise
from harness.records.packed import pack_ns
from harness.records.pairs import ArmEnd, ArmPlan, ComparisonStarted, PairBlock, PairMeasured
from harness.records.settings import Settings
from harness.store.eventfile import EventWriter

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "results" / "reference" / "20261125-143237-4303.jsonl"
"""A run of the quick suite on a real machine."""
HUNG_S = 60
"""No example takes a hundredth of it; one that does is said to hang."""
TRIED: Counter[str] = Counter()
"""How many examples of each kind were tried in this process."""
HOSTILE = "\x1b[2J\x1b]0;owned\x07|`x`|<script>alert(1)</script>\n# owned\r=HYPERLINK(1) \u202e\x00../../../x {0.__class__} %s '"


class Hangs(BaseException):
    """Something takes far too long."""


def _alarm(*_: object) -> None:
    raise Hangs


@contextlib.contextmanager
def promptly() -> Iterator[None]:
    """A block that is to end soon."""
    before = signal.signal(signal.SIGALRM, _alarm)
    signal.alarm(HUNG_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def fuzz(kind: str, strategy: st.SearchStrategy[Any], check: Callable[[Any], None], count: int) -> None:
    """Tries a check on many examples and counts them."""

    @settings(max_examples=count, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(strategy)
    def tried(example: Any) -> None:
        TRIED[kind] += 1
        with promptly():
            check(example)

    tried()


def refused_or_fine(call: Callable[[], Any]) -> Any:
    """What a call gives; None where it refuses with one line that can be shown."""
    try:
        return call()
    except HarnessError as error:
        said = error
    assert said.message
    assert said.exit_code in (2, 4)
    return None


def command(*words: object) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of the command line, which answers anything in its own way."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run([str(word) for word in words])
    assert code != 70, err.getvalue()
    assert "Traceback" not in err.getvalue()
    if code == 2:
        lines = err.getvalue().splitlines()
        assert sum(line.startswith("error: ") for line in lines) == 1
        assert all(len(line) < 1100 for line in lines)
    return int(code), out.getvalue(), err.getvalue()


seeds = st.integers(0, 2**48 - 1)
"""Of a random generator: what is drawn with it is found again by the number."""

_ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 1e308, -1e308, 5e-324, -0.0, 0.5, 1e-9),
    *("", " ", "x" * 300, HOSTILE, "../../x", "/etc/passwd", "NaN", "2026-13-45T99:99:99Z", "\ud800"),
    *([], {}, [[[[[[]]]]]], [1] * 100, [0.0], [-1], ["x"], {"a": None}, {"": {"": {}}}),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in JSON data."""
    if path:
        yield path
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        yield from places(inner, (*path, key))


def changed(value: Any, draw: random.Random) -> Any:
    """JSON data with something wrong at one place or several: another value, none, or one too many."""
    data = {"root": json.loads(json.dumps(value))}
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        *way, last = draw.choice(list(places(data)))
        inside = data
        for key in way:
            inside = inside[key]
        harm = draw.randrange(4)
        if harm == 0 and way:
            del inside[last]
        elif harm == 1 and isinstance(inside, list):
            inside.insert(last, copy.deepcopy(draw.choice((*_ODD, inside[last]))))
        elif harm == 2 and isinstance(inside[last], (int, float)) and not isinstance(inside[last], bool):
            inside[last] = inside[last] * draw.choice((-1, 0, 10, 1e-6, 1e6, 1e12)) + draw.choice((0, 1))
        else:
            inside[last] = copy.deepcopy(draw.choice(_ODD))
    return data["root"]


def damaged(data: bytes, draw: random.Random) -> bytes:
    """Bytes with some of them lost, changed, doubled or put in."""
    for _ in range(draw.choice((1, 1, 2, 8))):
        place = draw.randrange(len(data) + 1)
        end = min(len(data), place + draw.choice((1, 1, 2, 10, 1000)))
        harm = draw.randrange(6)
        if harm == 0:
            data = data[:place] + data[end:]
        elif harm == 1:
            data = data[:place] + draw.randbytes(end - place) + data[end:]
        elif harm == 2:
            data = data[:place] + data[place:end] * 2 + data[end:]
        elif harm == 3:
            data = (
                data[:place]
                + draw.choice((b"\n", b"\0" * 50, b"\r\n", b"\xff\xfe", b"[" * 500))
                + data[place:]
            )
        elif harm == 4:
            data = data[:place]
        elif data:
            at = draw.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :]
    return data


def sealed(data: Any) -> bytes:
    """An event's line as a harness that writes nonsense would write it."""
    if not isinstance(data, dict):
        return json.dumps(data).encode()
    data.pop("crc32", None)
    return codec.seal(json.dumps(data).encode()) if data else b"{}"


@pytest.fixture(scope="session")
def run_lines() -> list[bytes]:
    """A real run, shortened: every kind of event, several cases, two replicates of some."""
    lines = REFERENCE.read_bytes().splitlines()
    first = lines[:13]
    cases = {json.loads(line).get("case") for line in first} - {None}
    again = [line for line in lines[13:] if json.loads(line).get("case") in cases][:6]
    return [*first, *again, lines[-1]]


@pytest.fixture(scope="session")
def comparison_lines(build: Any, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A live comparison of three sides."""
    plans = [ArmPlan(n, build.planned(), build.environment()) for n in ("base", "new", "new 2")]
    header = ComparisonStarted(
        1, "20261122-180000-aa01", "2026-11-22T17:41:26Z", "harness compare", 0, "0.1.0", "quick", 0.99, 0.01,
        Settings(), plans,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("comparison") / "c.jsonl"
    writer = EventWriter(path, header)
    draw = random.Random(1)
    ends = [ArmEnd("ok", 1.0, verification=build.verification()) for _ in plans]
    writer.write(PairMeasured(0, "x", 1.0, [0, 1, 2], [], ends))
    for number in range(1, 11):
        blocks = [
            PairBlock(arm, r, pack_ns([round(4e6 * (1 + draw.gauss(0, 0.01)))] * 5), 0, BlockNoise(0.1))
            for arm in range(3)
            for r in range(3)
        ]
        writer.write(PairMeasured(number, "x", 1.0, [2, 1, 0], blocks, ends))
    writer.write(Ended("y", "finished"))
    writer.close()
    return path.read_bytes().splitlines()

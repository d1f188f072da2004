"""Runs a plant or a control, and holds what `harness explain` says of it against what is known."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.planted_cases import Control, Plant, Row
from benchmarks.publish import ROOT, harness_command, load_average

PLUGINS = tuple(Path(__file__).with_name(f"planted_{part}.py") for part in ("models", "faults"))
LOCK = ["--wait"]
"""One measurement at a time; `--no-lock` takes its place where only function matters."""
MORE: list[str] = []
"""More options of every run."""
AFTER_S = 2400
"""A command that takes longer is stopped."""


@dataclass(frozen=True)
class Named:
    """What became of one expected finding."""

    key: str
    row: str
    found: bool
    cause: str = ""
    """In the explanation's words."""
    evidence: dict[str, Any] = field(default_factory=dict)
    intervention: dict[str, Any] | None = None
    """The experiment that would take it away."""
    proved: bool | None = None
    """Null: no experiment was made, or it could not say."""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = ""
    """Why there is no proof."""


@dataclass(frozen=True)
class Outcome:
    """What an explanation said of one plant or control."""

    name: str
    cause: str
    at: str
    named: list[Named]
    others: list[str]
    """Findings beside the expected ones that are known to be true: `key (row)`."""
    unexpected: list[str]
    """Those that are not known to be true."""
    accused: list[str]
    """Troubles found of healthy rows."""
    twin_ratio: float | None
    """Latency with the cause over latency of the healthy twin."""
    seconds: float
    load_before: float
    refused: str = ""
    """Why it was not run here."""


def summary(outcome: Outcome) -> str:
    """One line for whoever waits."""
    if outcome.refused:
        return outcome.refused
    missed = [f"{n.key} NOT FOUND" for n in outcome.named if not n.found]
    found = [
        n.key + {True: " (proved)", False: " (NOT BORNE OUT)", None: ""}[n.proved]
        for n in outcome.named
        if n.found
    ]
    odd = [f"UNEXPECTED {t[:150]}" for t in outcome.unexpected] + [
        f"ACCUSED {t[:150]}" for t in outcome.accused
    ]
    return "; ".join([*found, *missed, *odd]) or "nothing to say"


def run(one: Plant | Control, prove: bool = False, passes: int | None = None) -> Outcome:
    """Runs one plant, or a control, and looks at what is said of it."""
    begin, load = time.monotonic(), load_average()
    cause = one.cause if isinstance(one, Plant) else "healthy"
    refused = _refused(one) if isinstance(one, Plant) else ""
    if refused:
        return Outcome(one.name, cause, _now(), [], [], [], [], None, 0.0, load, refused)
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        report = explained(one, Path(folder), passes, prove)
        named, others, unexpected, accused = judged(one, report)
    return Outcome(
        one.name,
        cause,
        _now(),
        named,
        others,
        unexpected,
        accused,
        _twin_ratio(one, report) if isinstance(one, Plant) else None,
        round(time.monotonic() - begin, 1),
        load,
    )


def explained(
    one: Plant | Control, folder: Path, passes: int | None = None, prove: bool = False
) -> dict[str, Any]:
    """The report of its run as `harness explain` has it, the expected findings put to the test if asked for.

    Raises:
        SystemExit: it could not be measured or explained.
    """
    models = one.models if isinstance(one, Plant) else list(one.models)
    words = ["run", *plugin_options(), "--results", str(folder), *LOCK, "--until", "none"]
    words += ["-m", ",".join(models), "-r", ",".join(one.runners), "-p", ",".join(one.precisions)]
    words += ["-b", ",".join(map(str, one.batch_sizes)), "-d", "cpu", "--threads", str(one.threads)]
    call([*words, "--anatomy", "--passes", str(passes or one.passes), *MORE], accept=(0, 3))
    found: dict[str, Any] = json.loads(call(["explain", "--results", str(folder), "--format", "json"]))
    if prove and not (isinstance(one, Plant) and one.proved_by):
        # Also what healthy rows are accused of: what an experiment proves of them is not false.
        keys = {r.key for r in one.expected} if isinstance(one, Plant) else set()
        keys |= {f["key"] for f in findings(found) if _accuses(one, f, found)}
        named = {f["key"] for f in findings(found)}
        only = [w for key in sorted(keys & named) for w in ("--only", key)]
        if not only:
            return found
        words = [
            "explain",
            *plugin_options(),
            "--results",
            str(folder),
            "--prove",
            *only,
            "--most",
            "0",
            *LOCK,
            # A healthy row has a small cause if any, and a small difference takes more pairs.
            *(() if isinstance(one, Plant) else ("--mode", "standard")),
        ]
        call(words, accept=tuple(range(5)))
        found = json.loads(call(["explain", "--results", str(folder), "--format", "json"]))
    return found


def _healthy(one: Plant | Control) -> set[str]:
    return set(one.twins) if isinstance(one, Plant) else set(one.models)


def _accuses(one: Plant | Control, found: dict[str, Any], report: dict[str, Any]) -> bool:
    """Whether a finding is a trouble of a healthy row."""
    record = next(r for r in report["records"] if r["id"] == found["records"][0])
    return found["kind"] == "trouble" and record["label"]["model"] in _healthy(one)


def findings(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of every record, and those over several of them; withdrawn ones are none."""
    for record in report["records"]:
        yield from record.get("findings") or ()
    yield from report.get("findings") or ()


def judged(
    one: Plant | Control, report: dict[str, Any]
) -> tuple[list[Named], list[str], list[str], list[str]]:
    """Expected findings, others that are true, others that nobody expected, and healthy rows accused."""
    records = {r["id"]: r for r in report["records"]}
    wanted = list(one.expected) if isinstance(one, Plant) else []
    twins = _healthy(one)
    also = set(one.also) if isinstance(one, Plant) else set()
    named: dict[Row, Named] = {r: Named(r.key, text_of(r), False) for r in wanted}
    others, unexpected, accused = [], [], []
    for found in findings(report):
        record = records[found["records"][0]]
        row = next((r for r in wanted if r.key == found["key"] and label_of(record) == text_of(r)), None)
        said = f"{found['key']} ({label_of(record)})"
        if row is not None:
            named[row] = _named(row, found)
        elif record["label"]["model"] in twins:
            if found["kind"] != "trouble":
                others.append(said)
            elif (tried := _tried(found)) is not None:
                others.append(f"{said}, {tried}")
            else:
                accused.append(f"{said}: {found['cause']}")
        elif found["state"] == "withdrawn":
            continue
        elif found["key"] in also or found["kind"] == "doubt":  # of which the interval is the proof
            others.append(said)
        else:
            unexpected.append(f"{said}: {found['cause']}")
    return list(named.values()), others, unexpected, accused


def _tried(found: dict[str, Any]) -> str | None:
    """What an experiment says of a trouble of a healthy row: that it is one after all, or that it may be.
    None for what it refutes, and where there was none: that is an accusation.
    """
    proof = found.get("proof") or {}
    if found["state"] == "withdrawn" or proof.get("ratio") is None or proof.get("low") is None:
        return None
    size = f"{proof['ratio']:.2f}x ({proof['low']:.2f} to {proof['high']:.2f}) without it"
    return f"{'proved by experiment' if found['state'] == 'proved' else 'not decided by experiment'}: {size}"


def _named(row: Row, found: dict[str, Any]) -> Named:
    """An expected finding, with what its experiment came to."""
    proof = found.get("proof") or {}
    return Named(
        row.key,
        text_of(row),
        True,
        found["cause"],
        found["evidence"],
        found.get("intervention"),
        proof.get("proved"),
        proof.get("ratio"),
        proof.get("low"),
        proof.get("high"),
        proof.get("reason") or "",
    )


def plugin_options() -> list[str]:
    return [w for p in PLUGINS for w in ("--plugin", str(p))]


def call(words: Sequence[str], accept: Sequence[int] = (0,)) -> str:
    """What the command printed.

    Raises:
        SystemExit: it ended with another exit code, or not at all.
    """
    command = [harness_command(), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=AFTER_S, check=False, cwd=ROOT)
    except subprocess.TimeoutExpired:
        raise SystemExit(f"error: `harness {words[0]}` took more than {AFTER_S} s") from None
    if done.returncode not in accept:
        raise SystemExit(f"error: `harness {words[0]}` ended with {done.returncode}: {done.stderr[-1500:]}")
    return done.stdout


def text_of(row: Row) -> str:
    return f"{row.model} {row.runner} {row.precision} batch {row.batch}"


def label_of(record: dict[str, Any]) -> str:
    """The same text for a record of a report."""
    label, case = record["label"], record["case"]
    return f"{label['model']} {label['runner']} {case['precision']} batch {case['batch_size']}"


def _features() -> set[str]:
    """What the processor says it has, in Linux's words."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return set(flags.partition(":")[2].split())


def _free_gib() -> float:
    """Memory that can be had, as Linux estimates it."""
    lines = Path("/proc/meminfo").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / (1 << 20)


def _refused(plant: Plant) -> str:
    """Why a plant cannot be shown on this machine."""
    features = _features()
    word = plant.unless
    if word.startswith("no ") and word[3:] not in features:
        return f"this processor has no {word[3:]}"
    if word and not word.startswith("no ") and word in features:
        return f"this processor has {word}"
    free = _free_gib()
    return f"needs {plant.memory_gib:g} GiB, {free:.1f} are free" if free < plant.memory_gib else ""


def _twin_ratio(plant: Plant, report: dict[str, Any]) -> float | None:
    """How many times as long the first expected row takes as its healthy twin."""
    times = {label_of(r): r["latency_ms"]["median"] for r in report["records"] if r["latency_ms"]}
    if not plant.twins:
        return None
    row = plant.expected[0]
    mine = times.get(text_of(row))
    twin = times.get(text_of(replace(row, model=plant.twins[0])))
    return round(mine / twin, 2) if mine and twin else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")

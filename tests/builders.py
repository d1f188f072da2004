"""Builders of what the harness keeps: each takes what a test is about and fills in the rest."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from harness.analyse.analyse import analyse
from harness.analyse.statistics import log_interval
from harness.records.case import Case, Environment, Plan, PlannedCase, PluginInfo, Provider, Scenario
from harness.records.comparison import Compared, ComparisonInfo, ComparisonReport, Side, Verdict
from harness.records.events import (
    SCHEMA,
    STATUSES,
    Built,
    Ended,
    Memory,
    MemoryMeasured,
    ReferenceMade,
    RunStarted,
    Sample,
    Timing,
    Verification,
)
from harness.records.packed import pack_ns
from harness.records.report import Latency, Record, Report
from harness.records.settings import Settings
from harness.store.runfile import StoredRun

STARTED = "2026-11-22T17:41:26.123Z"


def case(**changes: Any) -> Case:
    """mlp, eager, fp32, batch 64 on the CPU."""
    values: dict[str, Any] = {
        "model": "mlp",
        "params": {"in_dim": 512, "hidden_dim": 2048, "out_dim": 512, "n_layers": 4},
        "runner": "eager",
        "options": {},
        "precision": "fp32",
        "batch_size": 64,
        "device": "cpu",
        "threads": 2,
    }
    return Case(**{**values, **changes})


def planned(baseline: PlannedCase | str | None = None, **changes: Any) -> PlannedCase:
    """A case in a plan; what is no field of PlannedCase changes the case itself."""
    names = {f.name for f in dataclasses.fields(PlannedCase)}
    one = changes.pop("case", None) or case(**{k: v for k, v in changes.items() if k not in names})
    values: dict[str, Any] = {
        "id": one.id(Scenario()),
        "case": one,
        "label": {"model": one.model, "runner": one.runner},
        "providers": [
            Provider(kind, name, f"builtin:harness_plugins.{kind}s")
            for kind, name in (("model", one.model), ("runner", one.runner), ("precision", one.precision))
        ],
        "tolerance": 1e-4,
        "tolerance_source": "precision",
        "unit": "samples",
        "items": one.batch_size,
        "baseline_id": baseline.id if isinstance(baseline, PlannedCase) else baseline,
    }
    found = PlannedCase(**{**values, **{k: v for k, v in changes.items() if k in names}})
    return dataclasses.replace(found, baseline_id=found.id) if baseline == "itself" else found


def environment(**changes: Any) -> Environment:
    """A machine with two cores and no accelerator."""
    values: dict[str, Any] = {
        "host": "lab",
        "os": "Debian GNU/Linux 12",
        "kernel": "6.1.0",
        "python": "3.11.7",
        "cpu": "AMD EPYC",
        "architecture": "x86_64",
        "cores_physical": 2,
        "cores_logical": 2,
        "cores_usable": 2,
        "memory_mib": 24576,
        "torch": "2.13.0",
        "packages": {"torch": "2.13.0", "onnxruntime": "1.32.0"},
    }
    return Environment(**{**values, **changes})


def header(cases: Sequence[PlannedCase], **changes: Any) -> RunStarted:
    """The header of a run over these cases."""
    plugins = [
        PluginInfo("harness_plugins.models", "builtin:harness_plugins.models", hooks=["harness_models"])
    ]
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "id": "20261122-174126-0c1f",
        "started": STARTED,
        "command": "harness run",
        "suite": "default",
        "seed": 0,
        "harness_version": "0.1.0",
        "settings": Settings(),
        "scenario": Scenario(),
        "plan": Plan(list(cases), plugins, environment()),
    }
    return RunStarted(**{**values, **changes})


def timing(blocks_ms: Sequence[Sequence[float]], warm_up: str = "steady") -> Timing:
    """Call times in milliseconds, block by block."""
    calls = [round(ms * 1e6) for block in blocks_ms for ms in block]
    return Timing(pack_ns(calls), [len(b) for b in blocks_ms], 12, 0.25, warm_up)


def verification(passed: bool = True, error: float | None = 1e-6, **changes: Any) -> Verification:
    values: dict[str, Any] = {
        "tolerance": 1e-4,
        "max_error": None if error is None else 4 * error,
        "max_abs_error": 1e-5,
        "cosine": 1.0,
        "calls": 3,
        "reason": None if passed else f"error {error} is above the limit 0.0001",
    }
    return Verification(passed, error, **{**values, **changes})


def sample(one: PlannedCase, replicate: int = 0, ms: float = 4.0, **changes: Any) -> Sample:
    """A finished replicate whose every call took `ms`: five blocks of four calls."""
    values: dict[str, Any] = {
        "case": one.id,
        "replicate": replicate,
        "status": "ok",
        "started": STARTED,
        "seconds": 1.5,
        "stage": "done",
        "ready_s": 0.1,
        "load_s": 0.05,
        "timing": timing([[ms] * 4] * 5),
        "verification": verification(),
    }
    return Sample(**{**values, **changes})


def broken(one: PlannedCase, status: str, reason: str, replicate: int = 0, **changes: Any) -> Sample:
    """A replicate that came to nothing."""
    nothing = {"timing": None, "verification": None, "ready_s": None, "load_s": None}
    return sample(one, replicate, status=status, reason=reason, **{**nothing, **changes})


def stored(
    cases: Sequence[PlannedCase], events: Iterable[Any] = (), ended: str | None = "finished"
) -> StoredRun:
    """A run as its file would tell it."""
    run = StoredRun(header(cases))
    for event in events:
        run.add(event)
    if ended is not None:
        run.add(Ended("2026-11-22T17:45:00.000Z", ended))
    return run


def report(
    cases: Sequence[PlannedCase], events: Iterable[Any] = (), ended: str | None = "finished"
) -> Report:
    """The public report of such a run."""
    return analyse(stored(cases, events, ended))


def record(
    *, ms: Sequence[float] = (4.0, 4.1, 4.2), changes: dict[str, Any] | None = None, **axes: Any
) -> Record:
    """The record of one case measured alone; `changes` replaces fields of the record itself."""
    one = planned(**axes)
    found = report([one], [sample(one, n, value) for n, value in enumerate(ms)]).records[0]
    return dataclasses.replace(found, **(changes or {}))


def full_report() -> Report:
    """A report with a row of every status and every kind of number in it."""
    base = planned("itself")
    quick = planned(base, runner="compile", label={"model": "mlp", "runner": "compile:mode=max-autotune"})
    wrong = planned(base, precision="bf16-true", tolerance=2e-2)
    one = planned("itself", batch_size=1)
    rest = {
        status: planned(base, precision=f"p-{status.replace('_', '-')}")
        for status in ("crashed", "out_of_memory", "timeout", "failed", "interrupted", "not_reached")
    }
    unsupported = planned(
        base, runner="onnxruntime", precision="bf16-amp", unsupported="no autocast: try -p fp32"
    )
    cases = [base, quick, wrong, one, unsupported, *rest.values()]
    events: list[Any] = []
    for n in range(3):
        events += [
            sample(base, n, 4.0 + 0.01 * n),
            sample(quick, n, 2.0 + 0.02 * n, ready_s=10.0 - 8 * (n > 0), facts={"graph_breaks": 1}),
            sample(
                wrong, n, 1.0, status="incorrect", reason="error 0.31 is above the limit 0.02",
                verification=verification(False, 0.31, tolerance=2e-2),
            ),
            sample(one, n, 0.4, timing=timing([[0.4] * 200] * 5, "no steady state"), warnings=["no steady state"]),
        ]  # fmt: skip
    events += [
        broken(c, s, f"{s} while loading", detail="a log") for s, c in rest.items() if s != "not_reached"
    ]
    events += [
        MemoryMeasured(base.id, "ok", 1.0, Memory(host_run_peak=64.5, host_ready_peak=70.0, weights=24.0)),
        MemoryMeasured(quick.id, "failed", 1.0, reason="loading: no"),
        ReferenceMade([base.id, quick.id], "ok", 1.0, "float64"),
        Built(quick.id, "ok", 2.0, 1.5),
    ]
    return report(cases, events)


# ---- comparisons ------------------------------------------------------------------------------------


def compared_side(
    name: str, one: Case | None = None, ms: Sequence[float] = (4.0, 4.1, 4.2), **changes: Any
) -> Side:
    """A side of a comparison; with `device_ms=[...]` it has device time, too."""
    one = one or case()
    device = changes.pop("device_ms", None)
    values: dict[str, Any] = {
        "name": name,
        "id": one.id(Scenario()),
        "case": one,
        "label": {"model": one.model, "runner": one.runner},
        "status": "ok",
        "latency_ms": latency(ms) if ms else None,
        "device_ms": latency(device) if device else None,
        "verification": verification(),
    }
    return Side(**{**values, **changes})


def latency(ms: Sequence[float]) -> Latency:
    centre, low, high = log_interval(ms)
    return Latency(centre, low, high, 0.95, 0.1, min(ms), centre, list(ms))


def verdict(word: str = "slower", change: float = 0.031, half: float = 0.007, **changes: Any) -> Verdict:
    """A verdict on a change of 3.1 % (+2.4 to +3.8) from 40 pairs; `change` and `half` are shares."""
    values: dict[str, Any] = {
        "word": word,
        "material": word in ("faster", "slower") and abs(change) - half > 0.01,
        "ratio": 1 + change,
        "low": 1 + change - half,
        "high": 1 + change + half,
        "level": 0.99,
        "margin": 0.01,
        "pairs": 40,
    }
    return Verdict(**{**values, **changes})


def comparison(compared: Sequence[Compared], kind: str = "live", **changes: Any) -> ComparisonReport:
    """A finished comparison; what is no field of ComparisonReport changes its head."""
    names = {f.name for f in dataclasses.fields(ComparisonReport)}
    head: dict[str, Any] = {
        "id": "20261122-180000-aa01",
        "kind": kind,
        "started": STARTED,
        "ended": STARTED,
        "status": "finished",
        "command": "harness compare",
        "harness_version": "0.1.0",
        "mode": "standard" if kind == "live" else None,
    }
    info = ComparisonInfo(**{**head, **{k: v for k, v in changes.items() if k not in names}})
    values: dict[str, Any] = {
        "schema": 1,
        "comparison": info,
        "environment": environment(),
        "compared": list(compared),
    }
    return ComparisonReport(**{**values, **{k: v for k, v in changes.items() if k in names}})


def full_comparison() -> ComparisonReport:
    """Every word, several new arms, device time, sides that are wrong or not there, all kinds of notes."""
    base = compared_side("base", case(device="cuda"), device_ms=[1.0, 1.01, 1.02])

    def arm(name: str, runner: str, **changes: Any) -> Side:
        return compared_side(name, case(device="cuda", runner=runner), **changes)

    return comparison(
        [
            Compared(
                base,
                arm("new 1", "compile", ms=(4.2, 4.3, 4.4), device_ms=[1.0, 1.0, 1.01]),
                verdict(),
                verdict("equivalent", -0.001, 0.004),
                ["torch 2.12.0 -> 2.13.0", "host lab -> dock"],
            ),
            Compared(
                base,
                arm("new 2", "onnxruntime", ms=(0.3, 0.31)),
                verdict("faster", -0.926, 0.001),
                differences=["torch 2.12.0 -> 2.13.0"],
            ),
            Compared(
                base,
                arm("new 3", "cudagraph", interpreter="/opt/new/bin/python", warnings=["no steady state"]),
                verdict("inconclusive", 0.004, 0.021, needed=35),
                differences=["torch 2.12.0 -> 2.13.0"],
            ),
            Compared(
                base,
                arm("new 4", "eager", status="incorrect", reason="error 0.31 is above the limit 0.02",
                    verification=verification(False, 0.31)),
                None,
                differences=["torch 2.12.0 -> 2.13.0"],
            ),
            Compared(
                base, arm("new 5", "eager", ms=(), status="crashed", reason="signal 11"), None,
                differences=["torch 2.12.0 -> 2.13.0"],
            ),
            Compared(
                base, arm("new 6", "eager"), None, differences=["torch 2.12.0 -> 2.13.0"],
                refused="the workload differs: model net.py 0011 -> 2233",
            ),
            Compared(
                dataclasses.replace(base, status="failed", reason="no memory", latency_ms=None, device_ms=None),
                arm("new 7", "eager"), None, differences=["torch 2.12.0 -> 2.13.0"],
            ),
        ],
        warnings=["one of two GPUs was used"],
        unmatched=["mlp batch 1 eager fp32: only in base"],
        noise="quiet: 2 of 240 blocks suspect",
        status="interrupted",
    )  # fmt: skip


# ---- hypothesis: any value of a type -------------------------------------------------------------

_TEXT = st.text(max_size=20)
_NUMBERS = st.integers(-(2**63), 2**63 - 1)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _FLOATS | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=5,
)


def anything(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type that the records use: dataclasses, lists, dicts, unions, plain values."""
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        fields = {f.name: anything(hints[f.name]) for f in dataclasses.fields(hint)}
        if "status" in fields:
            fields["status"] = st.sampled_from(STATUSES)
        if "label" in fields:
            fields["label"] = st.fixed_dictionaries({"model": _TEXT, "runner": _TEXT})
        return st.builds(hint, **fields)
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return st.sampled_from(args)
    if origin is list:
        return st.lists(anything(args[0]), max_size=3)
    if origin is tuple:
        return st.lists(anything(args[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(anything(args[0]), anything(args[1]), max_size=3)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([anything(a) for a in args])
    plain = {
        str: _TEXT,
        int: _NUMBERS,
        float: _FLOATS,
        bool: st.booleans(),
        type(None): st.none(),
        Any: _JSON,
    }
    return plain[hint]


def haunted(value: Any, text: str) -> Any:
    """A report in which every text of a stranger is `text`: as someone else's file could have it."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [haunted(v, text) for v in value]
    if isinstance(value, dict):
        return {k: haunted(v, text) for k, v in value.items()}
    if dataclasses.is_dataclass(value):
        kept = ("status", "word") if isinstance(value, (Record, Side, Verdict)) else ()
        names = [f.name for f in dataclasses.fields(value) if f.name not in kept]
        return dataclasses.replace(value, **{n: haunted(getattr(value, n), text) for n in names})
    return value

"""The experiment of a finding: its cause taken away, and both sides measured in lock-step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.planted_judge import Named

OPTIONS = {"model": "-m", "runner": "-r", "precision": "-p", "batch_size": "-b", "device": "-d"}
LEAST = 0.9
"""Of the weights: with fewer the new side is smaller."""


def of(named: Sequence[Named], folder: Path) -> list[Named]:
    """The findings with what their experiments say."""
    return [_proved(n, folder) for n in named]


def _proved(one: Named, folder: Path) -> Named:
    made = one.intervention
    if made is None:
        return replace(one, note="no experiment takes it away" if one.found else "not found")
    try:
        if made["expect"] == "correct":
            record = _record({**made["base"], **made["new"]}, folder)
            return replace(one, proved=record["status"] == "ok", note=f"status {record['status']}")
        if made["expect"] == "smaller":
            sizes = [
                _weights(_record(axes, folder)) for axes in (made["base"], {**made["base"], **made["new"]})
            ]
            return replace(
                one, proved=sizes[1] < LEAST * sizes[0], note="weights {:.0f} -> {:.0f} MiB".format(*sizes)
            )
        return _timed(one, made, folder)
    except SystemExit as error:
        return replace(one, note=" ".join(str(error).split())[-200:])


def _timed(one: Named, made: dict[str, Any], folder: Path) -> Named:
    from benchmarks.planted_judge import LOCK, call, plugin_options

    base, new = made["base"], made["new"]
    words = ["compare", *plugin_options(), "--results", str(folder), *LOCK, "--mode", "quick"]
    words += _axes({a: v for a, v in base.items() if a not in new})
    words += [
        "--base",
        ",".join(f"{a}={base[a]}" for a in new),
        "--new",
        ",".join(f"{a}={v}" for a, v in new.items()),
    ]
    done = json.loads(call([*words, "--format", "json"], accept=(0, 1, 3)))
    found = done["compared"][0]
    verdict = found["latency"]
    if verdict is None:
        return replace(one, note=found["new"]["reason"] or found["base"]["reason"] or "no verdict")
    return decided(one, made, verdict)


def decided(one: Named, made: dict[str, Any], verdict: dict[str, Any]) -> Named:
    """A verdict (time of new over time of base) against what was expected; times of an item of the batch
    where that is what was changed.
    """
    items = 1.0
    if made.get("per_item"):
        items = int(made["new"]["batch_size"]) / int(made["base"]["batch_size"])
    ratio, low, high = (items / verdict[k] if verdict[k] else None for k in ("ratio", "high", "low"))
    proved = None
    if low is not None and high is not None:
        least = made.get("at_least") or 1.0
        # Both expectations are the same one, seen from the other side.
        worst, best = (low, high) if made["expect"] == "faster" else (1 / high, 1 / low)
        proved = True if worst > 1 and best >= least else False if best < max(1.0, least) else None
        if made["expect"] == "equivalent":
            proved = verdict["word"] == "equivalent" or None
    return replace(
        one,
        proved=proved,
        ratio=ratio,
        low=low,
        high=high,
        note=verdict["reason"] or f"{verdict['pairs']} pairs",
    )


def _record(axes: dict[str, str], folder: Path) -> dict[str, Any]:
    """The record of one case, run for itself."""
    from benchmarks.planted_judge import LOCK, call, plugin_options

    words = ["run", *plugin_options(), "--results", str(folder), *LOCK, "--passes", "1", "--until", "none"]
    words += [*_axes(axes), "--baseline", "none", "--no-anatomy", "--format", "json"]
    report = json.loads(call(words, accept=(0, 3, 4)))
    found: dict[str, Any] = report["records"][0]
    return found


def _weights(record: dict[str, Any]) -> float:
    memory = record["memory_mib"]
    if not memory or not memory["weights"]:
        raise SystemExit("its weights are not known")
    return float(memory["weights"])


def _axes(axes: dict[str, str]) -> list[str]:
    return [w for axis, value in axes.items() for w in (OPTIONS.get(axis, f"--{axis}"), value)]

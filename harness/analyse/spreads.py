"""From the sessions of a calibration to the spreads that intervals and verdicts use."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from harness.records.calibration import Calibration, Session, Spreads, Workload

FEWEST_SESSIONS = 3
"""Below this nothing is said about how sessions differ."""


def workload_of(label: str, pairs: Sequence[Sequence[tuple[float, float]]], word: str) -> Workload:
    """A workload from the log-times (of milliseconds) of both arms, round by round, of each pair.

    Raises:
        ValueError: fewer than two pairs.
    """
    if len(pairs) < 2:
        raise ValueError("a spread needs two pairs")
    processes = [statistics.fmean(log for log in arm) for pair in pairs for arm in zip(*pair, strict=True)]
    ratios = [[new - base for base, new in pair] for pair in pairs]
    within = [statistics.variance(r) for r in ratios if len(r) > 1]
    return Workload(
        label=label,
        latency_ms=math.exp(statistics.fmean(processes)),
        process_sd=statistics.stdev(processes),
        pair_sd=statistics.stdev(statistics.fmean(r) for r in ratios),
        round_sd=math.sqrt(statistics.fmean(within)) if within else 0.0,
        pairs=len(pairs),
        word=word,
    )


def spreads(calibration: Calibration) -> Spreads | None:
    """The medians over sessions, and the spread between them; None without a session."""
    sessions = calibration.sessions
    if not sessions:
        return None
    by_label: dict[str, list[Workload]] = {}
    for session in sessions:
        for one in session.workloads:
            by_label.setdefault(one.label, []).append(one)
    process_sd, pair_sd = {}, {}
    for several in by_label.values():
        ms = f"{statistics.median(w.latency_ms for w in several):.6g}"
        process_sd[ms] = statistics.median(w.process_sd for w in several)
        pair_sd[ms] = statistics.median(w.pair_sd for w in several)
    return Spreads(len(sessions), sessions[-1].at, process_sd, pair_sd, _session_sd(sessions, by_label))


def _session_sd(sessions: Sequence[Session], by_label: dict[str, list[Workload]]) -> float | None:
    """Of the effect of a session on everything measured in it, what processes alone explain left out:
    the variance of session means less that of a mean over so many processes.
    """
    if len(sessions) < FEWEST_SESSIONS:
        return None
    variances = []
    for several in by_label.values():
        if len(several) >= FEWEST_SESSIONS:
            means = [math.log(w.latency_ms) for w in several]
            explained = statistics.fmean(w.process_sd**2 / (2 * w.pairs) for w in several)
            variances.append(max(0.0, statistics.variance(means) - explained))
    return math.sqrt(statistics.fmean(variances)) if variances else None


def nearest(of: dict[str, float], latency_ms: float) -> float | None:
    """The spread of the workload whose calls last most nearly as long, on the log scale."""
    if not of:
        return None
    return min(of.items(), key=lambda item: abs(math.log(float(item[0]) / latency_ms)))[1]

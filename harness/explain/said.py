"""How findings say things: one way to write a row, a share, a time, a number of bytes."""

from __future__ import annotations

from typing import Any

from harness.explain.scene import Row
from harness.records.finding import SHOWN, Finding
from harness.report.numbers import percent, significant

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def bytes_text(count: float) -> str:
    """40.1 MiB."""
    for unit, size in _UNITS:
        if count >= size:
            return f"{significant(count / size)} {unit}"
    return f"{count:.0f} bytes"


def ms_text(ms: float) -> str:
    """4.02 ms, 12.3 us."""
    return f"{significant(ms)} ms" if ms >= 0.1 else f"{significant(ms * 1e3)} us"


def times_text(ratio: float) -> str:
    """2.70x."""
    return f"{ratio:.2f}x" if ratio < 10 else f"{significant(ratio)}x"


def where(row: Row) -> str:
    """`mlp at batch 64`, with the device where it is no CPU."""
    case = row.record.case
    device = "" if case.device == "cpu" else f" on {case.device}"
    return f"{row.record.label['model']} at batch {case.batch_size}{device}"


def what(row: Row) -> str:
    """`mlp at batch 64, bf16-true on eager`."""
    return f"{where(row)}, {row.words}"


def against(row: Row) -> str:
    """`2.70x as fast as fp32 on eager`, `1.31x as slow as ...`, `as fast as ...`, with what is known."""
    assert row.baseline is not None
    assert row.ratio is not None
    other = row.baseline.words
    if row.faster:
        return f"{times_text(row.ratio)} as fast as {other}"
    if row.slower:
        return f"{times_text(1 / row.ratio)} as slow as {other}"
    return f"no faster than {other} ({times_text(row.ratio)}, {interval(row)})"


def interval(row: Row) -> str:
    """`0.95 to 1.12`."""
    s = row.record.speedup
    if s is None or s.low is None or s.high is None:
        return "no interval"
    return f"{s.low:.2f} to {s.high:.2f}"


def finding(
    key: str,
    kind: str,
    row: Row,
    phenomenon: str,
    cause: str,
    evidence: dict[str, Any],
    advice: str | None = None,
    also: list[str] | None = None,
    subject: str | None = None,
) -> Finding:
    """A finding about one row, or with `also` about several."""
    return Finding(
        subject=subject or what(row),
        phenomenon=phenomenon,
        cause=cause,
        evidence={k: _rounded(v) for k, v in evidence.items() if v is not None},
        advice=advice,
        records=[row.record.id, *(also or ())],
        key=key,
        kind=kind,  # type: ignore[arg-type]
        state=SHOWN,
    )


def _rounded(value: Any) -> Any:
    """Six digits: more than anybody measured, so that three of them are those of the sentence."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    return value


__all__ = [
    "against",
    "bytes_text",
    "finding",
    "interval",
    "ms_text",
    "percent",
    "times_text",
    "what",
    "where",
]

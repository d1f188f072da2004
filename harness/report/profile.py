"""A profile as a table for the terminal, or as Markdown: one inference, where its time goes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.records.profile import HotSpot, ProfileReport
from harness.report.numbers import NOTHING, safe, significant
from harness.report.verdict import verdict

_BOLD, _RED, _DIM, _OFF = "\x1b[1m", "\x1b[31m", "\x1b[2m", "\x1b[0m"
_LONGEST = 90
"""Characters of a name where no terminal limits it: kernels have names of hundreds. JSON has them whole."""
_LEAST = 24


@dataclass(frozen=True)
class _Column:
    title: str
    texts: list[str]
    right: bool = True
    shrinks: bool = False


def table(report: ProfileReport, title: str, width: int = 0, colour: bool = False) -> str:
    """The table with what it means below; `width` is the terminal's, 0 for none."""

    def paint(text: str, code: str) -> str:
        return f"{code}{text}{_OFF}" if colour else text

    head, *lines = _grid(_fitting(_columns(report), width), width)
    count = len(report.rows)
    below = [paint(line, _DIM) for line in lines[count:]]
    wrong = report.verification is not None and not report.verification.passed
    error = f"error  {verdict(report.verification)}"
    text = [
        paint(title, _BOLD),
        paint(_how(report), _DIM),
        "",
        paint(head, _DIM),
        *lines[:count],
        *below,
        "",
        *_where(report),
        "",
        paint(error, _RED) if wrong else error,
        f"trace  {safe(report.trace)}   (open it in ui.perfetto.dev or chrome://tracing)",
    ]
    text += [f"note: {safe(n)}" for n in report.notes]
    return "\n".join(line.rstrip() for line in text) + "\n"


def markdown(report: ProfileReport, title: str) -> str:
    """The same to paste: a table and a list."""
    columns = _columns(report)
    head = "| " + " | ".join(c.title for c in columns) + " |"
    align = "|" + "|".join("---:" if c.right else "---" for c in columns) + "|"
    rows = [
        "| " + " | ".join(c.texts[k] if c.right else _code(c.texts[k]) for c in columns) + " |"
        for k in range(len(columns[0].texts))
    ]
    where = report.environment
    place = f"{where.device_name}, {where.cpu}" if report.case.device != "cpu" else where.cpu
    items = [
        *(" ".join(line.split()) for line in _where(report)),
        f"error: {verdict(report.verification)}",
        f"trace: {_code(report.trace)}, for ui.perfetto.dev or chrome://tracing",
        f"{place}, torch {where.torch}, Python {where.python}",
        *report.notes,
    ]
    return (
        "\n".join(
            [
                f"**{_code(title)}**: {_how(report)}",
                "",
                head,
                align,
                *rows,
                "",
                *(f"- {_plain(i)}" for i in items),
            ]
        )
        + "\n"
    )


def _how(report: ProfileReport) -> str:
    many = f"{report.calls} inference{'s' * (report.calls != 1)}"
    return f"{many} profiled after {report.warmup} of warm-up; numbers are for one inference"


# ---- the table ------------------------------------------------------------------------------------


def _columns(report: ProfileReport) -> list[_Column]:
    """The columns that have something to say; the side that the shares are of comes first."""
    rows = [*report.rows, *([report.rest] if report.rest else []), report.total]
    found = [
        _Column(report.group if report.group != "shape" else "operator", [r.name for r in rows], False, True)
    ]
    if report.group == "shape":
        found.append(_Column("shapes", [r.shapes or "" for r in rows], False, True))
    if report.group == "source" and any(r.text for r in rows):
        found.append(_Column("code", [r.text or "" for r in rows], False, True))
    found.append(
        _Column("operators" if report.group == "source" else "calls", [_count(r.calls) for r in rows])
    )
    whole = _percent(1000 if report.rows else 0)
    share = _Column("share", [*_shares([r.share for r in rows[:-1]]), whole])
    cpu = _side(rows, "CPU", lambda r: r.self_cpu_ms, lambda r: r.cpu_ms)
    device = _side(rows, "device", lambda r: r.self_device_ms, lambda r: r.device_ms)
    first, second = (device, cpu) if report.share_of == "self_device" else (cpu, device)
    found += [*first[:1], share, *first[1:], *second]
    return found


_Value = Callable[[HotSpot], float | None]


def _side(rows: Sequence[HotSpot], side: str, own: _Value, whole: _Value) -> list[_Column]:
    """Self time and time with what was called, on the CPU or the device; none where nothing is known."""
    columns = []
    for title, value in ((f"self {side} ms", own), (f"total {side} ms", whole)):
        values = [value(r) for r in rows]
        if any(v is not None for v in values):
            columns.append(_Column(title, _aligned(values)))
    if len(columns) == 2 and all(whole(r) in (None, own(r)) for r in rows):
        return columns[:1]  # nothing calls anything: the second would repeat the first
    return columns


def _aligned(values: Sequence[float | None]) -> list[str]:
    """Numbers of one column with the same decimals, so that they are seen to add up."""
    largest = max((abs(v) for v in values if v is not None), default=0.0)
    decimals = 4 if largest < 1 else 3 if largest < 100 else 2 if largest < 1000 else 1
    return [NOTHING if v is None else f"{v:,.{decimals}f}".replace(",", " ") for v in values]


def _shares(shares: Sequence[float]) -> list[str]:
    """Per cent with one decimal that sum to 100.0: what rounding leaves goes to the largest remainders."""
    if not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
        return [_percent(round(1000 * s)) for s in shares]
    tenths = [math.floor(1000 * s) for s in shares]
    order = sorted(range(len(shares)), key=lambda k: tenths[k] - 1000 * shares[k])
    for k in order[: 1000 - sum(tenths)]:
        tenths[k] += 1
    return [_percent(t) for t in tenths]


def _percent(tenths: int) -> str:
    return f"{tenths / 10:.1f} %"


def _count(value: float) -> str:
    return f"{value:.0f}" if math.isclose(value, round(value), abs_tol=1e-9) else f"{value:.1f}"


def _fitting(columns: list[_Column], width: int) -> list[_Column]:
    """The columns for a terminal of `width`: a narrow one does without total times."""
    while width and sum(_least(c) for c in columns) + 3 * (len(columns) - 1) > width:
        totals = [c for c in columns if c.title.startswith("total")]
        if not totals:
            break
        columns = [c for c in columns if c is not totals[-1]]
    return columns


def _least(column: _Column) -> int:
    widest = max(len(column.title), *(len(safe(t)) for t in column.texts))
    return min(widest, _LEAST) if column.shrinks else widest


def _grid(columns: list[_Column], width: int) -> list[str]:
    """Title and rows, aligned; long names are cut so that a row fits into `width`."""
    widths = [max(len(c.title), *(len(safe(t)) for t in c.texts)) for c in columns]
    limits = [min(w, _LONGEST) if c.shrinks else w for c, w in zip(columns, widths, strict=True)]
    spare = width - sum(limits) - 3 * (len(columns) - 1) if width else 0
    for k in sorted((k for k, c in enumerate(columns) if c.shrinks), key=lambda k: -limits[k]):
        if spare < 0:
            smaller = max(_LEAST, limits[k] + spare) if limits[k] > _LEAST else limits[k]
            spare += limits[k] - smaller
            limits[k] = smaller
    lines = []
    for k in range(-1, len(columns[0].texts)):
        cells = []
        for column, limit in zip(columns, limits, strict=True):
            text = safe(column.title if k < 0 else column.texts[k])
            text = text if len(text) <= limit else text[: limit - 1] + "…"
            cells.append(text.rjust(limit) if column.right else text.ljust(limit))
        lines.append("   ".join(cells).rstrip())
    return lines


# ---- where the time goes --------------------------------------------------------------------------


def _where(report: ProfileReport) -> list[str]:
    """Wall time and its shares, on the host and on the device; what they are of is the same time."""
    found = report.totals
    wall = found.wall_ms or 1.0
    host = [(found.inside_share, found.inside_share * found.wall_ms, "inside operators")]
    host += [(d.cpu_ms / wall, d.cpu_ms, safe(d.name)) for d in found.dispatch]
    rest = max(0.0, 1.0 - sum(share for share, _, _ in host))
    host.append((rest, rest * found.wall_ms, "Python and dispatch"))
    lines = [
        f"wall time {significant(found.wall_ms)} ms{_range(found.walls_ms)} with the profiler, "
        f"{significant(found.plain_ms)} ms without (in this one process: no measurement)"
    ]
    entries: list[tuple[str, float | None, float, str]] = [
        ("host" if k == 0 else "", share, ms, words) for k, (share, ms, words) in enumerate(host)
    ]
    if found.device_ms is not None:
        kernels = _many(found.kernels or 0, "kernel", "", "s")
        busy = found.busy_share or 0.0
        entries.append(("device", busy, busy * found.wall_ms, f"at least one of {kernels} is running"))
        entries += [
            ("", None, c.device_ms, f"{_many(c.count, 'cop', 'y', 'ies')} {safe(c.route)}")
            for c in found.copies
        ]
        if not found.copies:
            entries.append(("", None, 0.0, "no copies between host and device"))
    times = _aligned([ms for _, _, ms, _ in entries])
    for (side, share, _, words), ms in zip(entries, times, strict=True):
        of_wall = "" if share is None else f"{100 * share:.1f} %"
        lines.append(f"  {side:<6}  {of_wall:>7}  {ms:>{max(map(len, times))}} ms  {words}")
    if found.device_ms is not None:
        lines.append(
            f"CPU time {significant(found.cpu_ms)} ms in operators, device time "
            f"{significant(found.device_ms)} ms, of which kernels {significant(found.kernel_ms)} ms"
        )
    return lines


def _range(values: Sequence[float]) -> str:
    if len(values) < 2:
        return ""
    return f" ({significant(min(values))} to {significant(max(values))})"


def _many(count: float, word: str, one: str, more: str) -> str:
    return f"{_count(count)} {word}{one if count == 1 else more}"


# ---- Markdown -------------------------------------------------------------------------------------


def _code(text: str) -> str:
    """Text in a code span that ends neither the span nor its cell."""
    clean = safe(text).replace("`", "'").replace("|", "\\|")
    return f"`{clean}`" if clean else ""


def _plain(text: str) -> str:
    """A sentence in which nothing but a code span of ours is markup."""
    return safe(text).replace("<", "\\<").replace("*", "\\*")

"""What `harness doctor` finds, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from harness.analyse.spreads import spreads
from harness.records.calibration import Calibration
from harness.records.ceilings import Ceilings
from harness.records.doctor import FAULT, NOTE, OK, WARNING, DoctorReport
from harness.report.numbers import safe, significant

_COLOURS = {OK: "\x1b[32m", NOTE: "\x1b[36m", WARNING: "\x1b[33m", FAULT: "\x1b[31m"}
_OFF = "\x1b[0m"
_INDENT = 28
_SHOWN = ("model", "runner", "precision", "reporter")


def text(report: DoctorReport, width: int = 110, colour: bool = False) -> str:
    """The machine, what is usable, what was measured of it, what would disturb a measurement."""
    lines = ["this machine", *_machine(report, width), ""]
    lines += ["components", *_components(report, width), ""]
    lines += ["its own spread", *_calibration(report.calibration, width), ""]
    lines += ["what it can do at most", *_ceilings(report.calibration, width), ""]
    lines += [f"what would disturb a measurement (watched for {report.live.seconds:.0f} s)"]

    def paint(state: str) -> str:
        return f"{_COLOURS[state]}{state:8}{_OFF}" if colour else f"{state:8}"

    lines += _checks(report, width, paint)
    lines += ["", _verdict(report)]
    return "\n".join(lines) + "\n"


def _wrapped(words: str, width: int) -> list[str]:
    """At least one line; no narrower than can be read."""
    return textwrap.wrap(safe(words), max(width, 30), break_on_hyphens=False) or [""]


def _rows(rows: list[tuple[str, str]], width: int) -> list[str]:
    """`  name        text`, wrapped."""
    found = []
    for name, words in rows:
        first = f"  {name:18}"
        lines = _wrapped(words, width - len(first))
        found += [first + lines[0], *(" " * len(first) + line for line in lines[1:])]
    return found


def _machine(report: DoctorReport, width: int) -> list[str]:
    where = report.environment
    cores = f"{where.cores_physical} cores" if where.cores_physical else "cores not known"
    virtual = {True: "; a virtual machine", False: "", None: ""}[where.virtual]
    limit = f"; a cgroup grants {report.quota:g}" if report.quota is not None else ""
    versions = ", ".join(f"{name} {version}" for name, version in where.packages.items())
    rows = [
        ("host", where.host),
        ("system", f"{where.os}, kernel {where.kernel}, Python {where.python}"),
        (
            "processor",
            f"{where.cpu}, {where.architecture}; {where.cores_logical} logical processors, {cores}, "
            f"{where.cores_usable} used by default{limit}{virtual}",
        ),
        ("memory", f"{where.memory_mib} MiB"),
        ("device", (report.device or "not known") + (f" ({', '.join(report.gpus)})" if report.gpus else "")),
        ("packages", versions or "none of those that matter"),
    ]
    for extra in report.extras:
        missing = f"not installed: {', '.join(extra.missing)}" if extra.missing else "installed"
        rows.append((f"extra {extra.name}", missing))
    return _rows(rows, width)


def _components(report: DoctorReport, width: int) -> list[str]:
    rows = []
    for kind in _SHOWN:
        usable = [p.name for p in report.components if p.kind == kind and not p.unusable]
        rows.append((f"{kind}s", ", ".join(usable) or "none"))
    for part in report.components:
        if part.unusable:
            rows.append(("not usable", f"{part.kind} {part.name}: {part.unusable}"))
        elif part.remark:
            rows.append(("note", f"{part.kind} {part.name}: {part.remark}"))
    rows += [("problem", problem) for problem in report.problems]
    return _rows(rows, width)


def _calibration(found: Calibration | None, width: int) -> list[str]:
    """How much processes and sessions differ where nothing was changed."""
    known = spreads(found) if found is not None else None
    if found is None or known is None:
        text_ = (
            "not measured: `harness doctor --calibrate` compares models with themselves, for about a minute"
        )
        return _rows([("calibration", text_)], width)
    latest = found.sessions[-1]
    rows = [
        (
            f"{significant(float(ms))} ms a call",
            f"processes differ by {100 * sd:.2g} % (standard deviation), two timed in turns by "
            f"{100 * known.pair_sd[ms]:.2g} %",
        )
        for ms, sd in known.process_sd.items()
    ]
    among = "known from the third session on"
    if known.session_sd is not None:
        among = f"they differ by {100 * known.session_sd:.2g} %"
    rows += [
        ("sessions", f"{known.sessions}, the latest at {known.latest}; {among}"),
        (
            "a call of nothing",
            f"reads {latest.overhead_ns:.0f} ns, and {latest.context_ns:.0f} ns in torch's inference mode",
        ),
    ]
    return _rows(rows, width)


def _ceilings(found: Calibration | None, width: int) -> list[str]:
    """The roofs that the rows of a run are held against."""
    if found is None or not found.ceilings:
        text_ = "not measured: `harness doctor --calibrate` does, and so does the first `harness run`"
        return _rows([("ceilings", text_)], width)
    rows = []
    for one in sorted(found.ceilings, key=lambda c: (c.device, -c.threads)):
        many = f", {one.threads} thread{'s' * (one.threads != 1)}" if one.device == "cpu" else ""
        rows.append((f"{one.device}{many}", _rates_text(one)))
        rows += [("", f"{_bandwidth_text(one)}; starting an operator takes {significant(one.launch_us)} us")]
        rows += [("", f"measured at {one.measured}{''.join(f'; {note}' for note in one.notes)}")]
    return _rows(rows, width)


def _rates_text(one: Ceilings) -> str:
    def rate(tflops: float) -> str:
        gigas = tflops < 1
        return f"{significant(tflops * 1e3 if gigas else tflops)} {'GFLOP/s' if gigas else 'TFLOP/s'}"

    by_rate = sorted(one.matmul_tflops.items(), key=lambda item: -item[1])
    return "products: " + ", ".join(
        f"{name} {rate(tflops)}" + (" (imitated)" if name in one.emulated else "") for name, tflops in by_rate
    )


def _bandwidth_text(one: Ceilings) -> str:
    """The largest working set is the memory's, the fastest a cache's."""
    if not one.bandwidth:
        return "bandwidth is not known"
    last = one.bandwidth[-1]
    cache = max(one.bandwidth, key=lambda b: b.gib_per_s)
    text_ = f"memory: {significant(last.gib_per_s)} GiB/s read and written"
    if one.read_gib_per_s:
        text_ += f", {significant(one.read_gib_per_s[-1].gib_per_s)} read"
    return f"{text_}; at best {significant(cache.gib_per_s)} with {cache.working_set_mib:g} MiB"


def _checks(report: DoctorReport, width: int, paint: Callable[[str], str]) -> list[str]:
    found = []
    for check in report.checks:
        words = _wrapped(check.text, width - _INDENT)
        found.append(f"  {paint(check.state)} {check.name:16} {words[0]}")
        if check.advice:
            advice = _wrapped(check.advice, width - _INDENT - 3)
            words += [("-> " if n == 0 else "   ") + line for n, line in enumerate(advice)]
        found += [" " * _INDENT + line for line in words[1:]]
    return found


def _verdict(report: DoctorReport) -> str:
    """One line: whether to measure now."""
    states = [check.state for check in report.checks]
    if FAULT in states:
        return "nothing can be measured here: see the faults above"
    count = states.count(WARNING)
    if not count:
        return "nothing was found that would disturb a measurement; that is no proof of a quiet machine"
    return f"{count} warning{'s' * (count != 1)}: a measurement now would be less sure than it could be"

"""A recording to hot spots and totals. Pure functions; every total is the sum of its parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.errors import UsageError
from harness.records.profile import COPY, KERNEL, Copies, Dispatch, HotSpot, OperatorTime, Recording, Totals

OPERATOR, SHAPE, SOURCE, BY_KERNEL = "operator", "shape", "source", "kernel"
GROUPS = (OPERATOR, SHAPE, SOURCE, BY_KERNEL)
SELF_DEVICE, SELF_CPU, DEVICE, CPU, CALLS = "self_device", "self_cpu", "device", "cpu", "calls"
SORTS = (SELF_DEVICE, SELF_CPU, DEVICE, CPU, CALLS)
_ON_DEVICE = (SELF_DEVICE, DEVICE)
UNKNOWN = "(line unknown)"


@dataclass(frozen=True)
class HotSpots:
    """The lines that are shown, those that are not as one, and all as one."""

    sort: str
    share_of: str
    rows: list[HotSpot]
    rest: HotSpot | None
    rest_lines: int
    total: HotSpot


def check(group: str, sort: str | None, device: str) -> None:
    """Refuses what has no answer on this type of device, before anything runs.

    Raises:
        UsageError: the CPU has no kernels and no device time.
    """
    if device == "cpu" and group == BY_KERNEL:
        raise UsageError("on the CPU there are no kernels to group by", "try --group operator")
    if device == "cpu" and sort in _ON_DEVICE:
        raise UsageError(
            f"on the CPU there is no device time to sort by, so no {sort}", "try --sort self_cpu"
        )
    if group == BY_KERNEL and sort in (SELF_CPU, CPU):
        raise UsageError("a kernel has no CPU time to sort by", "try --sort self_device")


def hot_spots(found: Recording, group: str, sort: str | None, most: int) -> HotSpots:
    """The hot spots of one inference.

    Args:
        sort: None for self time on the device where the recording has it, else on the CPU.
        most: how many lines to show; 0 for all.
    """
    has_device = found.kernels is not None
    if sort is None or (sort in _ON_DEVICE and not has_device):
        sort = SELF_DEVICE if has_device else SELF_CPU
    on_device = sort in _ON_DEVICE or (sort == CALLS and has_device) or group == BY_KERNEL
    share_of = SELF_DEVICE if on_device else SELF_CPU
    rows = _kernel_rows(found) if group == BY_KERNEL else _operator_rows(found, group)
    total = _one(f"all {_PLURAL[group]}", rows, group)
    whole = _value(total, share_of)
    rows = [replace(r, share=_value(r, share_of) / whole if whole else 0.0) for r in rows]
    rows.sort(key=lambda r: (-_value(r, sort), -_value(r, share_of), r.name, r.shapes or ""))
    shown = rows[:most] if most else rows
    left = rows[len(shown) :]
    return HotSpots(
        sort=sort,
        share_of=share_of,
        rows=shown,
        rest=_one(f"{len(left)} more", left, group) if left else None,
        rest_lines=len(left),
        total=replace(total, share=sum(r.share for r in rows)),
    )


_PLURAL = {OPERATOR: "operators", SHAPE: "operators", SOURCE: "lines", BY_KERNEL: "kernels and copies"}


def _value(row: HotSpot, sort: str) -> float:
    values = {
        SELF_DEVICE: row.self_device_ms,
        DEVICE: row.device_ms,
        SELF_CPU: row.self_cpu_ms,
        CPU: row.cpu_ms if row.cpu_ms is not None else row.self_cpu_ms,
        CALLS: row.calls,
    }
    return values[sort] or 0.0


def _operator_rows(found: Recording, group: str) -> list[HotSpot]:
    keys: dict[str, Callable[[OperatorTime], tuple[str, str]]] = {
        OPERATOR: lambda o: (o.name, ""),
        SHAPE: lambda o: (o.name, o.shapes),
        SOURCE: lambda o: (o.source or UNKNOWN, ""),
    }
    groups: dict[tuple[str, str], list[OperatorTime]] = defaultdict(list)
    for operator in found.operators:
        groups[keys[group](operator)].append(operator)
    count = max(1, len(found.wall_us))
    has_device = found.kernels is not None

    def ms(us: Iterable[float]) -> float:
        return sum(us) / 1000 / count

    return [
        HotSpot(
            name=name,
            calls=sum(o.calls for o in those) / count,
            self_cpu_ms=ms(o.self_cpu_us for o in those),
            # The operators of a line call one another, so their totals would count time twice.
            cpu_ms=None if group == SOURCE else ms(o.cpu_us for o in those),
            self_device_ms=ms(o.self_device_us for o in those) if has_device else None,
            device_ms=ms(o.device_us for o in those) if has_device and group != SOURCE else None,
            share=0.0,
            shapes=shapes if group == SHAPE else None,
            text=those[0].text if group == SOURCE else None,
        )
        for (name, shapes), those in groups.items()
    ]


def _kernel_rows(found: Recording) -> list[HotSpot]:
    count = max(1, len(found.wall_us))
    rows = []
    for kernel in found.kernels or ():
        ms = kernel.device_us / 1000 / count
        rows.append(HotSpot(kernel.name, kernel.calls / count, None, None, ms, ms, 0.0))
    return rows


def _one(name: str, rows: list[HotSpot], group: str) -> HotSpot:
    """Lines as one. Times with what was called would count it twice, so there are none."""
    has_device = group == BY_KERNEL or any(r.self_device_ms is not None for r in rows)
    return HotSpot(
        name=name,
        calls=sum(r.calls for r in rows),
        self_cpu_ms=None if group == BY_KERNEL else sum(r.self_cpu_ms or 0.0 for r in rows),
        cpu_ms=None,
        self_device_ms=sum(r.self_device_ms or 0.0 for r in rows) if has_device else None,
        device_ms=None,
        share=sum(r.share for r in rows),
    )


def totals(found: Recording, plain_us: list[float]) -> Totals:
    """Where the time of one inference goes."""
    count = max(1, len(found.wall_us))
    wall_us = sum(found.wall_us)

    def each_ms(us: float) -> float:
        return us / 1000 / count

    kernels = found.kernels
    copies: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for event in kernels or ():
        if event.kind == COPY and event.route:
            copies[event.route][0] += event.calls
            copies[event.route][1] += event.device_us
    of_kernels = [k for k in kernels or () if k.kind == KERNEL]
    return Totals(
        wall_ms=each_ms(wall_us),
        walls_ms=[us / 1000 for us in found.wall_us],
        plain_ms=sum(plain_us) / 1000 / max(1, len(plain_us)),
        cpu_ms=each_ms(sum(o.self_cpu_us for o in found.operators)),
        inside_share=found.inside_us / wall_us if wall_us else 0.0,
        dispatch=[
            Dispatch(d.name, d.calls / count, each_ms(d.self_us))
            for d in sorted(found.dispatch, key=lambda d: -d.self_us)
        ],
        device_ms=None if kernels is None else each_ms(sum(k.device_us for k in kernels)),
        kernel_ms=None if kernels is None else each_ms(sum(k.device_us for k in of_kernels)),
        kernels=None if kernels is None else sum(k.calls for k in of_kernels) / count,
        busy_share=None if found.busy_us is None or not wall_us else found.busy_us / wall_us,
        copies=[Copies(route, n / count, each_ms(us)) for route, (n, us) in sorted(copies.items())],
    )

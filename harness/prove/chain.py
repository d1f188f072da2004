"""The way from a baseline to another configuration, one change at a time. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.catalogue.specs import Spec, parse
from harness.explain.commands import axes_of
from harness.records.events import OK
from harness.records.report import Record


@dataclass(frozen=True)
class Link:
    """One change, and the configuration after it."""

    name: str
    axes: dict[str, str]
    """Axis -> value as on the command line."""


@dataclass(frozen=True)
class Chain:
    """The baseline and the changes after it."""

    baseline: Link
    links: list[Link]
    order: str
    """Why they come in this order, in one sentence."""


def chain(baseline: Record, best: Record, records: Sequence[Record]) -> Chain:
    """The number format, then the runner, then its options one by one.

    The runner comes before the format where the format does not run on the baseline's runner. Where
    neither step in between ran and was correct, the two are one change.

    Args:
        records: of the run; they say what ran.
    """
    start, end = axes_of(baseline), axes_of(best)
    here, there = parse(start["runner"], "runner"), parse(end["runner"], "runner")
    bare = here if here.name == there.name else Spec(there.name, (), there.distribution)
    to_format, to_runner = end["precision"] != start["precision"], bare != here
    link = Link("baseline", start)
    links: list[Link] = []

    def change(name: str, **axes: str) -> None:
        nonlocal link
        link = Link(name, {**link.axes, **axes})
        links.append(link)

    order = "one change at a time"
    if to_format and to_runner:
        a, b = end["precision"], str(bare)
        first = _ran(records, best, a, here.name)
        then = _ran(records, best, start["precision"], there.name)
        if first:
            change(a, precision=a)
            change(b, runner=b)
            order = f"the number format first: {a} runs on {here}"
            order += ", and the other order is as possible" if then else f"; {start['precision']} not on {b}"
        elif then:
            change(b, runner=b)
            change(a, precision=a)
            order = f"the runner first: {a} did not run on {here}, or was not correct"
        else:
            change(f"{a} on {b}", precision=a, runner=b)
            order = f"the two are one change: neither {a} on {here} nor {start['precision']} on {b} ran"
    elif to_format:
        change(end["precision"], precision=end["precision"])
    elif to_runner:
        change(str(bare), runner=str(bare))
    for spec, name in _options(bare, there):
        change(name, runner=str(spec))
    return Chain(Link("baseline", start), links, order)


def _ran(records: Sequence[Record], like: Record, precision: str, runner: str) -> bool:
    """Whether a runner, with whatever options, ran correctly in a format on the same model and machine."""
    wanted = (like.label["model"], like.case.batch_size, like.case.device, like.case.threads)
    return any(
        r.status == OK
        and r.case.precision == precision
        and r.case.runner == runner
        and (r.label["model"], r.case.batch_size, r.case.device, r.case.threads) == wanted
        for r in records
    )


def _options(before: Spec, after: Spec) -> list[tuple[Spec, str]]:
    """One runner's options, from one set to the other: each change with its name."""
    values, wanted = dict(before.values), dict(after.values)
    found = []
    for key in [*(k for k in values if k not in wanted), *wanted]:
        if values.get(key) == wanted.get(key):
            continue
        name = f"{key}={wanted[key]}" if key in wanted else f"no {key}={values[key]}"
        values = {k: v for k, v in {**values, key: wanted.get(key)}.items() if v is not None}
        found.append((Spec(before.name, tuple(values.items()), before.distribution), name))
    return found

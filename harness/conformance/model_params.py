"""The check of a model at other parameters than its defaults: what holds for these must hold for all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from harness.catalogue.params import alternatives, fill
from harness.conformance.bench import Bench
from harness.conformance.contract import CHECKS, Check, Failed, NotApplicable, check
from harness.conformance.model_builds import weights_of
from harness.errors import UsageError

_MOST = 24
"""So many values are tried at most."""
_SHARE = 0.5
"""Of a check's time: after so much of it no further value is begun."""
_LARGEST = 256 << 20
"""Bytes of weights; an end of a range may ask for more than any machine has."""


@check(
    "model.params",
    "every choice of a parameter, and both ends of its range, to work as its default does",
    "mend build() and inputs() there, or refuse the value: a narrower type, or ValueError in __post_init__",
    needs=("component.params-text", "model.reference"),
)
def params(bench: Bench) -> str | None:
    wanted = list(alternatives(bench.component.Params))
    if not wanted:
        raise NotApplicable("it has no parameter with choices or a range")
    began, notes = time.monotonic(), []
    for number, (name, text) in enumerate(wanted):
        spent = time.monotonic() - began
        if number >= _MOST or spent > _SHARE * bench.job.timeout_s:
            left = [f"{n}={t}" for n, t in wanted[number:]]
            more = f" and {len(left) - 3} more" if len(left) > 3 else ""
            notes.append(f"not tried for want of time: {', '.join(left[:3])}{more}")
            break
        bench.stage(f"trying {name}={text}")
        note = _tried(bench, name, text)
        notes += [f"{name}={text} {note}"] if note else []
    return "; ".join(notes) or None


def _tried(bench: Bench, name: str, text: str) -> str | None:
    """Makes the model's other checks at one value; a note if it could not be tried."""
    try:
        bench.params = fill(bench.component.name, bench.component.Params, {name: text})
    except UsageError as error:
        raise Failed(f"that {name}={text} is refused: {error.message}") from error
    if _bytes(bench) > _LARGEST:
        return f"is not tried: its weights have more than {_LARGEST >> 20} MiB"
    # The stage stays that of the value: a process that ends must not hide at which one.
    stage, bench.stage = bench.stage, lambda _: None
    try:
        for one in _repeated():
            try:
                one.run(bench)
            except NotApplicable:
                continue
            except Failed as failed:
                hint = failed.hint or one.hint
                raise Failed(f"{failed.found} ({one.name} at {name}={text})", hint) from failed
            except Exception as error:
                if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
                    return "needs more memory than there is here"
                raise Failed(f"{type(error).__name__}: {error} ({one.name} at {name}={text})") from error
    finally:
        bench.stage = stage
        del bench.params
    return None


def _repeated() -> Iterator[Check]:
    """The checks of a model that one process can make again and again."""
    for one in CHECKS.values():
        again = not one.twice and not one.alone and one.run is not params
        if one.subject == "model" and again:
            yield one


def _bytes(bench: Bench) -> int:
    """Of the weights, without making them; 0 where the model cannot be built that way."""
    import torch

    try:
        with torch.device("meta"):
            module: Any = bench.work().raw_module()
        return sum(t.numel() * t.element_size() for _, t in weights_of(module))
    except Exception:
        return 0

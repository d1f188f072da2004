"""Checks of what a session says of itself: facts, events, problems, bytes of weights."""

from __future__ import annotations

import math
from itertools import cycle, islice
from typing import Any

from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, check
from harness.conformance.runners import LOADS
from harness.measure.loaded import LoadedCase

_WARM_UP, _STEADY = 10, 20
"""Calls until nothing is compiled any more, and calls in which nothing may be."""
_LEAST, _MOST, _OVERHEAD = 1 / 20, 4.0, 1 << 20
"""A session's weights, as a share of the module's in float32, with what a file may have besides (bytes)."""


def _called(case: LoadedCase, count: int = 1) -> None:
    for feed in islice(cycle(case.feeds), count):
        case.call(feed)


@check(
    "runner.facts",
    "a dict of JSON-compatible values from facts()",
    "put text, finite numbers, booleans, lists and dicts with text as keys into it: str(x), float(x)",
    needs=(LOADS,),
    cases="first",
)
def facts(bench: Bench) -> str | None:
    case = bench.case(sets=2)
    _called(case, 2)
    bench.stage("asking facts()")
    found = case.session.facts()
    if not isinstance(found, dict):
        raise Failed(type(found).__name__)
    wrong = _not_json(found, "facts()")
    if wrong:
        raise Failed(wrong)
    return None


def _not_json(value: Any, where: str) -> str | None:
    """The first part that JSON has no form for, or None."""
    if value is None or isinstance(value, (str, bool, int)):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value!r} at {where}"
    if isinstance(value, (list, tuple)):
        return next((w for n, v in enumerate(value) if (w := _not_json(v, f"{where}[{n}]"))), None)
    if isinstance(value, dict):
        keys = next((f"the key {k!r} in {where}" for k in value if not isinstance(k, str)), None)
        return keys or next((w for k, v in value.items() if (w := _not_json(v, f"{where}[{k!r}]"))), None)
    return f"{type(value).__name__} at {where}"


@check(
    "runner.events",
    "a whole number from events() that stands still once calls are steady",
    "count compilations and the like, not calls: a change while calls are timed fails the sample",
    needs=(LOADS,),
    cases="first",
)
def events(bench: Bench) -> str | None:
    case = bench.case(sets=2)
    _called(case, _WARM_UP)
    before = case.session.events()
    if isinstance(before, bool) or not isinstance(before, int):
        raise Failed(repr(before))
    _called(case, _STEADY)
    after = case.session.events()
    if after != before:
        raise Failed(f"{after - before} more after {_STEADY} calls on inputs that it had seen")
    return None


@check(
    "runner.problems",
    "a list of sentences from problems()",
    "return [] where all ran as asked, else one sentence each",
    needs=(LOADS,),
    cases="first",
)
def problems(bench: Bench) -> str | None:
    case = bench.case(sets=2)
    _called(case, 2)
    bench.stage("asking problems()")
    found = case.session.problems()
    if not isinstance(found, list):
        raise Failed(type(found).__name__)
    for one in found:
        if not isinstance(one, str) or not one.strip() or "\n" in one.strip():
            raise Failed(repr(one))
    return "; ".join(found) or None


@check(
    "runner.weights-bytes",
    "None or the bytes of its weights from weights_bytes()",
    "count bytes, not parameters nor MiB, of what the session holds; return None if that is not known",
    needs=(LOADS,),
    cases="first",
)
def weights_bytes(bench: Bench) -> str | None:
    case = bench.case(sets=1)
    _called(case)
    found = case.session.weights_bytes()
    if found is None:
        return "it does not say"
    if isinstance(found, bool) or not isinstance(found, int):
        raise Failed(repr(found))
    module = case.work.raw_module()
    own = sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))
    if not own * _LEAST <= found <= own * _MOST + _OVERHEAD:
        raise Failed(f"{found} bytes, where the module has {own}")
    return None

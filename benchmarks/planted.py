"""Does an explanation find a cause that is known, and accuse nobody else?

Each plant is a model or a configuration of which one cause dominates, since it was built so; controls are
healthy. `python -m benchmarks.planted NAME ...` runs some of them; what was run before is kept in
build/benchmarks/planted.jsonl, so a campaign can be stopped and goes on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from benchmarks.planted_cases import CONTROLS, PLANTS, Control, Plant
from benchmarks.planted_judge import LOCK, Named, Outcome, run, summary
from benchmarks.publish import TRIED, Result, Target, parser, progress, publish, table

NAME = "planted"
KEPT = TRIED / f"{NAME}.jsonl"


def main() -> int:
    made = parser(NAME, (__doc__ or "").partition("\n")[0])
    made.add_argument("names", nargs="*", metavar="NAME", help="plants or controls to run; all if none")
    made.add_argument("--prove", action="store_true", help="take the causes away by experiment")
    made.add_argument("--again", action="store_true", help="run those too that were run before")
    made.add_argument("--show", action="store_true", help="run nothing: publish what is kept")
    made.add_argument("--no-lock", action="store_true", help="measure beside other measurements")
    given = made.parse_args()
    if given.no_lock:
        LOCK[:] = ["--no-lock"]
    everything: dict[str, Plant | Control] = {p.name: p for p in (*PLANTS, *CONTROLS)}
    unknown = [n for n in given.names if n not in everything]
    if unknown:
        made.error(f"no plant is called {', '.join(unknown)}; there are {', '.join(everything)}")
    kept = _kept()
    for name in [] if given.show else given.names or list(everything):
        if name in kept and not given.again and not given.names:
            continue
        one = everything[name]
        progress(f"{name} ...")
        try:
            outcome = run(one, given.prove, passes=1 if given.quick else None)
        except SystemExit as error:
            # The others are worth hours; the table says that this one is missing.
            progress(f"  {error}")
            continue
        progress("  " + summary(outcome))
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        with KEPT.open("a") as file:
            file.write(json.dumps(asdict(outcome)) + "\n")
        kept[name] = outcome
    ordered = [kept[n] for n in everything if n in kept]
    return publish(_result(ordered, given.quick or len(ordered) < len(everything)), given.output)


def _kept() -> dict[str, Outcome]:
    """The last outcome of each plant and control that was ever run here."""
    if not KEPT.is_file():
        return {}
    found = {}
    for line in KEPT.read_text("utf-8").splitlines():
        values: dict[str, Any] = json.loads(line)
        values["named"] = [Named(**n) for n in values["named"]]
        found[values["name"]] = Outcome(**values)
    return found


def _result(outcomes: list[Outcome], shortened: bool) -> Result:
    plants = [o for o in outcomes if o.name in {p.name for p in PLANTS} and not o.refused]
    controls = [o for o in outcomes if o.name in {c.name for c in CONTROLS}]
    named = [n for o in plants for n in o.named]
    found = [n for n in named if n.found]
    experiments = [n for n in found if n.proved is not None]
    accused = [a for o in outcomes for a in o.accused]
    unexpected = [u for o in outcomes for u in o.unexpected]
    twins = sum(o.twin_ratio is not None for o in plants)
    return Result(
        name=NAME,
        title="Planted causes",
        question="Does `harness explain` find a cause that is known, and accuse nobody else?",
        tables=[
            table(["plant", "its cause", "without it", "finding", "evidence", "proof"], list(_rows(plants))),
            _others(plants + controls),
        ],
        notes=[
            "Each plant was built so that one cause dominates. *Without it*: latency over that of its "
            "healthy twin, the same model without the cause, in the same run.",
            "Twins and controls are healthy: a trouble found of one is put to an experiment. It is a false "
            "finding if that refutes it, or if there is none; what it proves or cannot decide is listed.",
            "*Proof*: the cause taken away, measured in lock-step; the ratio of times and its 99 % interval.",
            f"Each was run by itself, from {min(o.at for o in outcomes)} to {max(o.at for o in outcomes)}."
            if outcomes
            else "None was run.",
            *(f"{o.name}: not run here, {o.refused}." for o in outcomes if o.refused),
        ],
        targets=[
            Target(
                "planted causes that are named",
                len(found) == len(named),
                f"{len(found)} of {len(named)}",
                "all",
            ),
            Target("plants", len(plants) >= 14, str(len(plants)), "at least 14"),
            Target(
                "healthy rows accused",
                not accused,
                f"{len(accused)} ({twins} twins, {len(controls)} controls)",
                "0",
            ),
            Target("other findings that are not known to be true", not unexpected, str(len(unexpected)), "0"),
            Target(
                "experiments that bear their finding out",
                all(n.proved for n in experiments),
                f"{sum(bool(n.proved) for n in experiments)} of {len(experiments)}",
                "all",
            ),
        ],
        figures={"outcomes": [asdict(o) for o in outcomes]},
        shortened=shortened,
    )


def _rows(plants: list[Outcome]) -> Iterator[list[str]]:
    instead = {p.name: p.proved_by for p in PLANTS}
    for outcome in plants:
        for k, one in enumerate(outcome.named):
            ratio = f"{outcome.twin_ratio:.2f}x" if outcome.twin_ratio and not k else ""
            yield [
                outcome.name if not k else "",
                outcome.cause if not k else "",
                ratio,
                f"`{one.key}`" if one.found else f"`{one.key}` not found",
                _evidence(one),
                _proof(one, instead.get(outcome.name, "")),
            ]


def _evidence(one: Named) -> str:
    """The first three values that are numbers, those in groups included; else the first text."""
    flat = dict(_flat(one.evidence))
    numbers = [f"{k} {v:.3g}" for k, v in flat.items() if isinstance(v, int | float)]
    return ", ".join(numbers[:3]) or next((f"{k} {v}" for k, v in flat.items()), "")


def _flat(evidence: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, int | float | str]]:
    for key, value in evidence.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key} ")
        elif isinstance(value, int | float | str) and not isinstance(value, bool):
            yield f"{prefix}{key}", value


def _proof(one: Named, instead: str) -> str:
    if instead and one.found:
        return f"that of {instead}"
    if one.intervention is None or not one.found:
        return one.note
    text = one.intervention["text"]
    word = {True: "proved", False: "not borne out", None: "no verdict"}[one.proved]
    if one.ratio is not None and one.low is not None and one.high is not None:
        why = f"; {one.note}" if one.note and not one.proved else ""
        return f"{text}: {word}, {one.ratio:.2f}x ({one.low:.2f} to {one.high:.2f}){why}"
    return f"{text}: {word}" + (f" ({one.note})" if one.note else "")


def _others(outcomes: list[Outcome]) -> str:
    """What else was said: true, not known to be true, or false."""
    rows = []
    for o in outcomes:
        rows += [[o.name, "false", text] for text in o.accused]
        rows += [[o.name, "not expected", text] for text in o.unexpected]
        rows += [[o.name, "true", text] for text in o.others]
    return table(["plant or control", "other finding", "which"], rows)


if __name__ == "__main__":
    sys.exit(main())

"""How often two configurations that are the same are called different, on this machine: live A/A comparisons.

`python -m benchmarks.aa --mode quick --minutes 60` adds comparisons for an hour, and publishes the counts
of all that were ever made here. It may be stopped and goes on. `--neighbour` keeps a core busy beside them,
on and off, as neighbours do.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

from benchmarks import campaign
from benchmarks.binomial import clopper_pearson
from benchmarks.publish import Result, Target, publish, table

NAME = "aa"
WANTED = 300


def main() -> int:
    made = campaign.from_command_line(NAME, (__doc__ or "").partition("\n")[0], 0.0, WANTED)
    return publish(_result(made.finished, made.quick), made.output)


def _result(found: list[campaign.Finished], quick: bool) -> Result:
    rows, targets = [], []
    for (mode, condition), those in campaign.groups(found).items():
        different = [f for f in those if f.word in ("faster", "slower")]
        material = sum(f.material for f in different)
        noisy = sum(bool(f.reason) for f in those)
        lower, upper = clopper_pearson(len(different), len(those))
        rows.append(
            [
                mode,
                condition,
                str(len(those)),
                str(len(different)),
                f"{lower:.1%} to {upper:.1%}",
                str(material),
                str(sum(f.word == "equivalent" for f in those)),
                f"{sum(f.word == 'inconclusive' for f in those)} ({noisy} too noisy)",
                f"{sum(f.seconds for f in those) / len(those):.0f}",
            ]
        )
        kind = f"{mode}, {condition}"
        targets.append(Target(f"{kind}: none is material", material == 0, f"{material} of {len(those)}", "0"))
        targets.append(
            Target(
                f"{kind}: plain ones agree with 1 %",
                lower <= 0.01,
                f"{len(different)} of {len(those)}, at least {lower:.2%}",
                "1 %",
            )
        )
    heads = ["mode", "machine", "comparisons", "called different", "true rate, 95 % bounds"]
    heads += ["material", "equivalent", "inconclusive", "seconds each"]
    return Result(
        name=NAME,
        title="The same code, compared with itself",
        question="How often does `harness compare` call a model different from itself?",
        tables=[table(heads, rows)],
        notes=[
            "Each comparison is a process of `harness compare` of its own, of a model of three linear layers "
            "with itself, on all cores.",
            *campaign.notes(NAME, found, WANTED, "which bound a rate of 1 %"),
        ],
        targets=targets,
        figures={"comparisons": [asdict(f) for f in found]},
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())

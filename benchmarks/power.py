"""How many slowdowns of 3 % are found, on this machine: live comparisons with a known truth.

A spin makes every call of the new side 3 % longer than it would be. `python -m benchmarks.power --minutes
60` adds comparisons for an hour, and publishes the counts of all that were ever made here.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

from benchmarks import campaign
from benchmarks.binomial import clopper_pearson
from benchmarks.publish import Result, Target, publish, table

NAME = "power"
WANTED = 59
BY = 0.03


def main() -> int:
    made = campaign.from_command_line(NAME, (__doc__ or "").partition("\n")[0], BY, WANTED)
    return publish(_result(made.finished, made.quick), made.output)


def _result(found: list[campaign.Finished], quick: bool) -> Result:
    rows, targets = [], []
    for (mode, condition), those in campaign.groups(found).items():
        slower = sum(f.word == "slower" for f in those)
        wrong = sum(f.word in ("faster", "equivalent") for f in those)
        covered = sum(f.low is not None and f.low <= 1 + BY <= (f.high or 0) for f in those)
        lower, upper = clopper_pearson(slower, len(those))
        rows.append(
            [
                mode,
                condition,
                str(len(those)),
                str(slower),
                f"{lower:.1%} to {upper:.1%}",
                str(sum(f.material and f.word == "slower" for f in those)),
                str(len(those) - slower - wrong),
                str(wrong),
                f"{covered} of {len(those)}",
                f"{sum(f.pairs for f in those) / len(those):.0f}",
                f"{sum(f.seconds for f in those) / len(those):.0f}",
            ]
        )
        kind = f"{mode}, {condition}"
        targets.append(
            Target(
                f"{kind}: none is called equivalent or faster", wrong == 0, f"{wrong} of {len(those)}", "0"
            )
        )
        if (mode, condition) == ("standard", campaign.QUIET):
            found_all = slower == len(those)
            targets.append(
                Target(f"{kind}: every one is found", found_all, f"{slower} of {len(those)}", "all")
            )
    heads = ["mode", "machine", "comparisons", "found", "true rate, 95 % bounds", "of them material"]
    heads += ["inconclusive", "wrong", "interval holds 3 %", "pairs", "seconds each"]
    return Result(
        name=NAME,
        title="A slowdown of 3 %",
        question="How often does `harness compare` find that every call has become 3 % longer?",
        tables=[table(heads, rows)],
        notes=[
            "The model is three linear layers; the new side spins for 3 % of what they took, in every call.",
            *campaign.notes(NAME, found, WANTED, "since all of 59 bound the rate at 95 %"),
        ],
        targets=targets,
        figures={"comparisons": [asdict(f) for f in found]},
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())

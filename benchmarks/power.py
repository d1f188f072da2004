"""How many slowdowns of 3 % are found, on this machine: live comparisons with a known truth.

A spin makes every call of the new side 3 % longer than it would be. `python -m benchmarks.power --minutes
60` adds comparisons for an hour, and publishes the counts of all that were ever made here.
"""

from __future__ import annotations

import sys
from dataclasses import asdict

from benchmarks import campaign
from benchmarks.binomial import clopper_pearson
from benchmarks.publish import Result, Target, parser, publish, table

NAME = "power"
WANTED = 59
BY = 0.03


def main() -> int:
    options = parser(NAME, (__doc__ or "").partition("\n")[0])
    options.add_argument("--mode", default="standard", choices=("quick", "standard", "rigorous"))
    options.add_argument("--neighbour", action="store_true", help="keep a core busy, on and off")
    options.add_argument("--count", type=int, default=WANTED, help=f"of this kind; {WANTED} by default")
    options.add_argument("--minutes", type=float, default=60.0, help="60 by default; begin none after")
    options.add_argument("--width", type=int, default=2048, help="of the model's layers")
    options.add_argument("--batch", type=int, default=64)
    given = options.parse_args()
    condition = campaign.NEIGHBOUR if given.neighbour else campaign.QUIET
    minutes = 1.0 if given.quick else given.minutes
    found = campaign.go_on(NAME, BY, given.mode, condition, given.count, minutes, given.width, given.batch)
    return publish(_result(found, given.quick), given.output)


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
    left = {k: max(0, WANTED - len(v)) for k, v in campaign.groups(found).items()}
    return Result(
        name=NAME,
        title="A slowdown of 3 %",
        question="How often does `harness compare` find that every call has become 3 % longer?",
        tables=[table(heads, rows)],
        notes=[
            "The model is three linear layers; the new side spins for 3 % of what they took, in every call.",
            f"Wanted are {WANTED} of each kind: all of 59 bound the rate at 95 %. Still to be made: "
            + ", ".join(f"{n} {' '.join(k)}" for k, n in left.items())
            + ".",
            "The bounds are Clopper and Pearson's, one-sided at 95 % each.",
            "A neighbour is a process that keeps a core busy for 2 s on average, and rests for 2 s.",
            "Every comparison: results/reference/campaigns/power.jsonl.",
        ],
        targets=targets,
        figures={"comparisons": [asdict(f) for f in found]},
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())

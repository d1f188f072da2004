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
from benchmarks.publish import Result, Target, parser, publish, table

NAME = "aa"
WANTED = 300


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
    found = campaign.go_on(NAME, 0.0, given.mode, condition, given.count, minutes, given.width, given.batch)
    return publish(_result(found, given.quick), given.output)


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
    left = {k: max(0, WANTED - len(v)) for k, v in campaign.groups(found).items()}
    return Result(
        name=NAME,
        title="The same code, compared with itself",
        question="How often does `harness compare` call a model different from itself?",
        tables=[table(heads, rows)],
        notes=[
            "Each comparison is a process of `harness compare` of its own, of a model of three linear layers "
            "with itself, on all cores.",
            f"Wanted are {WANTED} of each kind, which bound a rate of 1 %. Still to be made: "
            + ", ".join(f"{n} {' '.join(k)}" for k, n in left.items())
            + ".",
            "The bounds are Clopper and Pearson's, one-sided at 95 % each.",
            "A neighbour is a process that keeps a core busy for 2 s on average, and rests for 2 s.",
            "Every comparison: results/reference/campaigns/aa.jsonl.",
        ],
        targets=targets,
        figures={"comparisons": [asdict(f) for f in found]},
        shortened=quick,
    )


if __name__ == "__main__":
    sys.exit(main())

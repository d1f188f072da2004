"""The rules of other tools beside ours, on the same machines: false alarms, and 3 % that go unseen.

Simulated machines (benchmarks/simulate.py) give counts large enough to mean something; recorded traces
of a real one (benchmarks/record.py) show that it is no artefact of the simulation. In each session base
and new are measured in the way each tool does it by default, and its rule (benchmarks/rules.py) is asked
whether they differ: once where they are the same code, once where the new one is 3 % slower.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.binomial import clopper_pearson
from benchmarks.publish import ROOT, Result, Target, parser, progress, publish, table
from benchmarks.rules import RULES, Rule
from benchmarks.simulate import NOISES
from benchmarks.simulated_traces import traces
from benchmarks.traces import Trace, read

SESSIONS, QUICK_SESSIONS = 300, 10
SEED = 1
SLOWER = 1.03
RECORDED = ROOT / "results" / "reference" / "traces"


@dataclass
class Score:
    """What a rule did on traces of which the truth is known."""

    same: int = 0
    alarms: int = 0
    slower: int = 0
    missed: int = 0
    """Called neither slower nor faster."""
    reversed: int = 0
    """Called faster, and is slower."""
    cost_s: list[float] = field(default_factory=list)

    def take(self, rule: Rule, trace: Trace) -> None:
        """Asks the rule about one trace."""
        told = rule.decide(trace)
        self.cost_s.append(rule.cost_s(trace))
        if trace.ratio == 1:
            self.same += 1
            self.alarms += told != 0
        else:
            self.slower += 1
            self.missed += told == 0
            self.reversed += told < 0

    @property
    def alarm_rate(self) -> float:
        """Share of the same code that is called different."""
        return self.alarms / self.same

    @property
    def unseen_rate(self) -> float:
        """Share of 3 % slowdowns that are not called one."""
        return (self.missed + self.reversed) / self.slower

    def figures(self) -> dict[str, object]:
        """For the JSON file."""
        kept = {k: v for k, v in vars(self).items() if k != "cost_s"}
        return {
            **kept,
            "alarms_bounds": clopper_pearson(self.alarms, self.same) if self.same else None,
            "cost_s": statistics.median(self.cost_s) if self.cost_s else None,
        }


Scores = dict[str, dict[str, Score]]
"""Machine -> rule -> score."""


def simulated(count: int, seed: int) -> Scores:
    """Scores on the simulated machines, `count` sessions of the same code and as many 3 % slower."""
    scores: Scores = {}
    for place, noise in enumerate(NOISES):
        scores[noise.name] = {rule.name: Score() for rule in RULES}
        for layout in dict.fromkeys(rule.layout for rule in RULES):
            for ratio in (1.0, SLOWER):
                own = (seed, place, layout, ratio)
                for trace in traces(noise, layout, count, _seed(own), ratio):
                    _ask(scores[noise.name], trace)
        progress(f"{noise.name}: " + ", ".join(f"{s.alarms}" for s in scores[noise.name].values()))
    return scores


def _seed(parts: tuple[object, ...]) -> int:
    """The same for the same parts in every process, which `hash` is not."""
    import zlib

    return zlib.crc32(repr(parts).encode())


def recorded(folder: Path) -> Scores:
    """Scores on the traces of a folder; empty without one."""
    scores: Scores = {}
    for path in sorted(folder.glob("*.jsonl.gz")):
        for trace in read(path):
            of_machine = scores.setdefault(trace.machine, {rule.name: Score() for rule in RULES})
            _ask(of_machine, trace)
    return scores


def _ask(scores: dict[str, Score], trace: Trace) -> None:
    for rule in RULES:
        if rule.layout == trace.layout:
            scores[rule.name].take(rule, trace)


def together(scores: Scores) -> dict[str, Score]:
    """The scores of each rule over all machines."""
    found: dict[str, Score] = defaultdict(Score)
    for of_machine in scores.values():
        for name, score in of_machine.items():
            whole = found[name]
            whole.same += score.same
            whole.alarms += score.alarms
            whole.slower += score.slower
            whole.missed += score.missed
            whole.reversed += score.reversed
            whole.cost_s += score.cost_s
    return dict(found)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _share(part: int, whole: int) -> str:
    if not whole:
        return "not measured"
    low, high = clopper_pearson(part, whole)
    return f"{part} of {whole}: {_percent(part / whole)} ({100 * low:.1f} to {100 * high:.1f})"


def score_table(scores: Scores) -> str:
    """One row a rule."""
    headers = [
        "rule",
        "tells",
        "same code called different",
        "3 % slower, not told",
        "told faster",
        "seconds",
    ]
    whole, rows = together(scores), []
    for rule in RULES:
        s = whole[rule.name]
        cost = f"{statistics.median(s.cost_s):.0f}" if s.cost_s else ""
        row = [rule.name, rule.tells, _share(s.alarms, s.same), _share(s.missed, s.slower), str(s.reversed)]
        rows.append([*row, cost])
    return table(headers, rows)


def machine_table(scores: Scores, rules: Iterable[Rule]) -> str:
    """False alarms and what was not told, machine by machine."""
    names = [rule.name for rule in rules]
    rows = [
        [machine, *(f"{_percent(s[n].alarm_rate)}, {_percent(s[n].unseen_rate)}" for n in names)]
        for machine, s in scores.items()
    ]
    return table(["simulated machine (false alarms, 3 % not told)", *names], rows)


def _targets(scores: Scores) -> list[Target]:
    whole = together(scores)
    standard, *others = RULES[0], *RULES[2:]
    ours = whole[standard.name]
    low, high = clopper_pearson(ours.alarms, ours.same, 0.99)
    both = [r.name for r in others if _as_good(whole[r.name], ours)]
    return [
        Target(
            "ours: same code called different",
            low <= 0.01,
            f"{_percent(ours.alarm_rate)} (99 %: {_percent(low)} to {_percent(high)})",
            "1 %, if the count allows it",
        ),
        Target(
            "another rule with as few false alarms that misses as little",
            not both,
            ", ".join(both) or "none",
            "none",
        ),
    ]


def _as_good(other: Score, ours: Score) -> bool:
    return other.alarm_rate <= ours.alarm_rate and other.unseen_rate <= ours.unseen_rate


def main() -> int:
    options = parser("head_to_head", __doc__.partition("\n")[0])
    options.add_argument("--sessions", type=int, help=f"of each machine and ratio; {SESSIONS} by default")
    options.add_argument("--record", type=Path, metavar="FILE", help="record real traces into FILE instead")
    options.add_argument("--minutes", type=float, default=60.0, help="of --record; 60 by default")
    given = options.parse_args()
    if given.record:
        from benchmarks.record import record

        return record(given.record, given.minutes, given.order_seed)
    count = given.sessions or (QUICK_SESSIONS if given.quick else SESSIONS)
    seed = SEED if given.order_seed is None else given.order_seed
    scores = simulated(count, seed)
    real = recorded(RECORDED)
    tables = ["Simulated machines, all together:", score_table(scores)]
    if real:
        tables += ["Recorded on real machines:", score_table(real)]
    tables += ["Machine by machine:", machine_table(scores, RULES)]
    result = Result(
        name="head_to_head",
        title="Other tools' rules on the same machines",
        question="Base and new measured the way each tool does it by default; is a difference told? "
        f"{count} sessions of the same code and {count} with the new one 3 % slower on each of "
        f"{len(NOISES)} simulated machines.",
        tables=tables,
        notes=[
            "In brackets: Clopper and Pearson's bounds, each at 95 %. `benchmarks/rules.py` names the source "
            "of each rule.",
            "What torch's two rules, which have no test, count as told is more than 1 %: what a reader of "
            "two numbers overlooks, and where a colour begins. They work in one process, which has one "
            "layout; two builds or two versions cannot be compared that way.",
            "asv's default factor of 1.1 is not meant to see 3 %.",
            "*Seconds*: what a session costs where a call takes 5 ms and a process is ready a second after "
            "it was asked for.",
            *(
                []
                if real
                else ["No traces of a real machine yet: `python -m benchmarks.head_to_head --record FILE`."]
            ),
        ],
        targets=_targets(scores),
        figures={
            "sessions": count,
            "seed": seed,
            "simulated": {m: {r: s.figures() for r, s in of.items()} for m, of in scores.items()},
            "recorded": {m: {r: s.figures() for r, s in of.items()} for m, of in real.items()},
        },
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())

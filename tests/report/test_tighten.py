"""The line that says how to narrow the intervals of a run."""

from __future__ import annotations

import dataclasses
import re
import shlex

import pytest

from harness.analyse.analyse import analyse
from harness.records.settings import Settings
from harness.report.tighten import command, how_to_tighten

AIMS = Settings(until=0.05)


@pytest.fixture
def said(build):
    """The line under a run of one case that took these milliseconds."""

    def make(*ms, settings=AIMS, made="harness run --suite quick", changes=None):
        base = build.planned("itself")
        run = build.stored([base], [build.sample(base, n, v, **(changes or {})) for n, v in enumerate(ms)])
        run.header = dataclasses.replace(run.header, settings=settings, command=made)
        return how_to_tighten(analyse(run))

    return make


def test_nothing_is_said_of_a_run_that_reached_its_aim(said):
    assert said(4.0, 4.01, 4.02) is None


def test_a_run_that_missed_its_aim_names_the_widest_interval_and_a_command(said):
    line = said(4.0, 4.2, 4.1)
    assert line.startswith("intervals up to ±6 % (aim ±5 %): harness run --suite quick --until 5% ")
    assert int(re.search(r"--time-budget (\d+)$", line)[1]) >= 300


def test_more_passes_than_a_run_makes_by_itself_are_part_of_the_command(said):
    line = said(4.0, 4.8, 4.2)
    first, most = re.search(r"--passes (\d+)\.\.(\d+) ", line).groups()
    assert int(first) == 3
    assert 12 < int(most) <= 100


def test_the_budget_of_the_command_holds_the_first_passes_of_every_case_too(build):
    cases = [build.planned("itself", batch_size=n) for n in range(1, 41)]
    events = [build.sample(c, n, ms, seconds=5.0) for c in cases for n, ms in enumerate((4.0, 4.2, 4.1))]
    run = build.stored(cases, events)
    run.header = dataclasses.replace(run.header, settings=AIMS, command="harness run")
    report = analyse(run)
    needed = sum((r.aim.passes_needed - 1) * 5.0 for r in report.records)
    assert int(re.search(r"--time-budget (\d+)$", how_to_tighten(report))[1]) >= needed


def test_no_command_is_given_where_none_would_do(said):
    assert said(4.0, 90.0, 20.0) == (
        "intervals of more than ±100 % (aim ±5 %); 1 of them would take more than 100 passes: "
        "find a quieter machine"
    )


def test_a_hopeless_case_does_not_hide_the_command_for_the_others(build):
    one, other = build.planned("itself"), build.planned("itself", batch_size=1)
    events = [build.sample(one, n, v) for n, v in enumerate((4.0, 90.0, 20.0))]
    events += [build.sample(other, n, v) for n, v in enumerate((4.0, 4.2, 4.1))]
    run = build.stored([one, other], events)
    run.header = dataclasses.replace(run.header, settings=AIMS, command="harness run")
    line = how_to_tighten(analyse(run))
    assert (
        "; 1 of them would take more than 100 passes: find a quieter machine; for the others: harness run --until"
        in line
    )


def test_a_run_without_an_aim_is_told_from_a_quarter_on(said):
    assert said(4.0, 4.2, 4.1, settings=Settings()) is None
    assert said(4.0, 5.0, 6.0, settings=Settings(), made="harness run -m mlp --passes 3") == (
        "intervals up to ±66 %: more passes narrow them: harness run -m mlp --passes 6"
    )


def test_an_incorrect_case_is_no_reason_to_go_on(said, build):
    changes = {"status": "incorrect", "verification": build.verification(False, 0.3)}
    assert said(4.0, 5.0, 6.0, changes=changes) is None


def test_the_command_keeps_everything_but_what_it_says_anew():
    made = "harness run -m 'my net.py' --passes=3 --until 10% -b 1 --time-budget 60 --plugin 'a b.py'"
    assert command(made, "--until", "5%") == "harness run -m 'my net.py' -b 1 --plugin 'a b.py' --until 5%"


def test_the_command_is_one_that_the_harness_takes(said):
    from harness.cli import aiming
    from harness.cli.run import command as run
    from harness.plan.suites import Aims

    line = said(4.0, 4.8, 4.2)
    words = shlex.split(line[line.index("harness run") :])
    options = dict(zip(words[4::2], words[5::2], strict=True))
    assert set(options) <= {o for p in run.params for o in p.opts}
    given = {name: options.get(f"--{name.replace('_', '-')}") for name in ("passes", "until", "time_budget")}
    assert aiming.settings(given, Aims())["until"] == 0.05

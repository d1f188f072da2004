"""The live side of `harness compare`: its options, its progress, its sides."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from harness.cli import options
from harness.cli.numbers import Finite
from harness.cli.show import message
from harness.errors import ExitCode, HarnessError, UsageError
from harness.records.comparison import ComparisonReport
from harness.report.numbers import duration

if TYPE_CHECKING:
    from harness.compare.arms import ArmRequest
    from harness.compare.rule import Mode
    from harness.store.comparisonfile import StoredComparison

F = TypeVar("F", bound=Callable[..., Any])

PARAMETERS = (
    "base",
    "new",
    "base_plugin",
    "new_plugin",
    "base_python",
    "new_python",
    "mode",
    "seed",
    "timeout",
    "tolerance",
)
"""Names of the options of a live comparison."""
MODES = ("quick", "standard", "rigorous")
EVERY = 5
"""Where nobody watches, one line for so many pairs."""
FEWEST_TOLD = 4
"""Before that an interval is too wide to be worth a look."""


def live_options(function: F) -> F:
    """What names the sides of a live comparison, and how surely it is measured."""
    several = [
        click.option(
            "--base", metavar="AXIS=VALUE,...", help="Where the base differs from the options above."
        ),
        click.option(
            "--new",
            multiple=True,
            metavar="AXIS=VALUE,...",
            help="Where a new side differs; repeat for several.",
        ),
        click.option(
            "--base-plugin",
            multiple=True,
            metavar="MODULE|FILE",
            help="A plugin for the base alone. May be repeated.",
        ),
        click.option(
            "--new-plugin",
            multiple=True,
            metavar="MODULE|FILE",
            help="A plugin for the new sides alone. May be repeated.",
        ),
        click.option("--base-python", metavar="FILE", help="The interpreter for the base."),
        click.option("--new-python", metavar="FILE", help="The interpreter for the new sides."),
        click.option(
            "--mode",
            type=click.Choice(MODES),
            default="standard",
            show_default=True,
            help="quick: 10 pairs. standard: 20 to 40, until the half-width is 1 %. "
            "rigorous: to 120, until it is 0.5 %.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(min=0),
            default=0,
            show_default=True,
            help="For weights, inputs and the order of the work.",
        ),
        click.option(
            "--timeout",
            type=Finite(min=0.1, max=options.MOST_S),
            default=600.0,
            show_default=True,
            metavar="S",
            help="Seconds for one process to load and warm up.",
        ),
        click.option(
            "--tolerance",
            type=Finite(min=0, min_open=True),
            metavar="X",
            help="Accept errors up to X whatever the precision.",
        ),
    ]
    for option in reversed(several):
        function = option(function)
    return function


def live(
    ctx: click.Context, given: dict[str, Any], show: Callable[[ComparisonReport], None]
) -> tuple[ComparisonReport, ExitCode | None]:
    """Measures a live comparison; its report, and the exit code if a signal ended it.

    Args:
        show: shows what is known, where an error ends it early.

    Raises:
        UsageError: the sides are not named, or wrongly.
        NothingMeasured: a side cannot run here.
    """
    from harness.compare.live import CompareRequest, compare_live
    from harness.compare.paired import report_of
    from harness.compare.rule import MODES as RULES
    from harness.compare.verdict import LEVEL
    from harness.errors import Terminated
    from harness.execute.one import OneRequest
    from harness.execute.signals import Interrupted, Interrupts
    from harness.jobs import Matrix
    from harness.records import codec
    from harness.store.folder import Folder, results_folder, write_whole

    arms = _arms(ctx, given)
    one = OneRequest(
        Matrix(), arms[0].plugins, given["seed"], timeout_s=given["timeout"], tolerance=given["tolerance"]
    )
    request = CompareRequest(
        arms=arms,
        one=one,
        mode=RULES[given["mode"]],
        level=LEVEL,
        margin=given["margin"],
        command=shlex.join(["harness", *sys.argv[1:]]),
    )
    folder = Folder(results_folder(given["results"]))
    named = {device for arm in arms for device in arm.matrix.device}
    with (
        options.locks(given, tuple(named) or None) as locks,
        Interrupts() as interrupts,
        Progress(request.mode) as progress,
    ):
        try:
            folder.check(folder.comparisons)
            run = compare_live(request, folder, interrupts, progress, locks)
        except HarnessError:
            # The disk is full, say: what is known is shown, if it can be kept nowhere.
            if progress.run is not None and len(progress.run.pairs) > 1:
                progress.clear()
                show(report_of(progress.run))
            raise
        except Interrupted:
            if interrupts.received == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise Terminated("ended by a signal") from None
        received = interrupts.received
    report = report_of(run)
    path = folder.comparison_report_path(run.header.id)
    try:
        write_whole(path, codec.pretty(report))
    except HarnessError:
        show(report)
        raise
    message(f"saved: {path}")
    if received is None:
        return report, None
    return report, ExitCode.INTERRUPTED if received == signal.SIGINT else ExitCode.TERMINATED


# ---- the sides --------------------------------------------------------------------------------------


def _arms(ctx: click.Context, given: dict[str, Any]) -> list[ArmRequest]:
    """The base and the new sides as they were asked for."""
    from harness.plan.suites import Axes
    from harness.records.case import AXES

    shared: dict[str, Any] = {}
    for axis, values in Axes.from_texts(**{a: given[a] for a in AXES}).given().items():
        if len(values) > 1 or values == ("all",):
            raise UsageError(
                f"a side of a comparison has one {axis.replace('_', ' ')}, and these are {len(values)}",
                f"name the sides: --base {axis}={values[0]} --new {axis}={values[-1]}",
            )
        shared[axis] = values[0]
    for option in ("base_python", "new_python"):
        if given[option] == "":
            raise UsageError(f"--{option.replace('_', '-')} is empty", "give the file of an interpreter")
    if "" in given["new"] or given["base"] == "":
        raise UsageError("a side is empty", "say where it differs: --new runner=compile")
    own_new = bool(given["new_plugin"] or given["new_python"] or given["base_plugin"] or given["base_python"])
    news = list(given["new"]) or ([""] if own_new else [])
    if not news:
        raise UsageError(
            "nothing to compare with",
            "name the other side: --new runner=compile, say; or two stored runs: --runs BASE NEW",
        )
    names = ["new"] if len(news) == 1 else [f"new {k + 1}" for k in range(len(news))]
    base = _arm(ctx, given, "base", given["base"] or "", shared)
    return [base, *(_arm(ctx, given, n, text, shared) for n, text in zip(names, news, strict=True))]


def _arm(
    ctx: click.Context, given: dict[str, Any], name: str, text: str, shared: dict[str, Any]
) -> ArmRequest:
    from harness.catalogue.loading import PluginRequest
    from harness.compare.arms import ArmRequest
    from harness.plan.selectors import parse_selector
    from harness.plan.suites import one_of

    which = "base" if name == "base" else "new"
    own = {**shared, **(parse_selector(text) if text else {})}
    plugins = list(given[f"{which}_plugin"])
    for plugin in plugins:
        if plugin.endswith(".py") and not Path(plugin).is_file():
            raise UsageError(f"--{which}-plugin: there is no file {plugin}")
    texts = (*options.plugin_texts(ctx, given["plugin"]), *plugins)
    return ArmRequest(
        name=name,
        matrix=one_of({axis: [value] for axis, value in own.items()}),
        plugins=PluginRequest.from_options(texts, given["input"], given["inputs"]),
        own_plugins=plugins,
        python=_interpreter(given[f"{which}_python"], f"--{which}-python"),
    )


def _interpreter(text: str | None, option: str) -> str:
    """The path of an interpreter; links are kept, since that of a virtual environment is one.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return sys.executable
    path = Path(text).expanduser()
    if path.is_dir():
        inside = path / "bin" / "python"
        hint = f"there is {inside}" if inside.exists() else "give the file of an interpreter"
        raise UsageError(f"{option}: {text} is a folder", hint)
    if not path.is_file():
        raise UsageError(
            f"{option}: there is no file {text}", "give the file of an interpreter: venv/bin/python"
        )
    if not os.access(path, os.X_OK):
        raise UsageError(f"{option}: {text} cannot be executed", "give the file of an interpreter")
    return os.path.abspath(path)


# ---- progress ---------------------------------------------------------------------------------------


class Progress:
    """What is going on, on stderr: one line that changes on a terminal, some lines elsewhere."""

    def __init__(self, mode: Mode) -> None:
        self._mode = mode
        self._began = 0.0
        self.run: StoredComparison | None = None
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def clear(self) -> None:
        """Takes the line that changes away."""
        if self._live:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _line(self, text: str, keep: bool) -> None:
        if self._live:
            self.clear()
            sys.stderr.write(text)
            sys.stderr.flush()
        elif keep:
            message(text)

    def tell(self, text: str) -> None:
        self.clear()
        message(text)

    def preparing(self, name: str) -> None:
        self._line(f"preparing {name}", keep=True)

    def pair_begins(self, run: StoredComparison, number: int) -> None:
        self.run = run
        mode, left = self._mode, ""
        if number == 1:
            self._began = time.monotonic()
        else:
            left = _left(time.monotonic() - self._began, number - 1, mode.first, mode.most)
        count = f"{mode.first} to {mode.most}" if mode.first < mode.most else str(mode.most)
        keep = number <= 2 or number % EVERY == 0
        self._line(f"pair {number} of {count}{left}{_so_far(run)}", keep=keep)


def _so_far(run: StoredComparison) -> str:
    """` (new +3.1 % (+2.4 to +3.8))`: what can be said between two pairs, and decides nothing."""
    from harness.compare.paired import report_of
    from harness.report.compared import change

    said = [(c.new.name, c.device or c.latency) for c in report_of(run).compared]
    parts = [f"{name} {change(v)}" for name, v in said if v is not None and v.pairs >= FEWEST_TOLD]
    return f"   {', '.join(parts)}" if parts else ""


def _left(seconds: float, done: int, first: int, most: int) -> str:
    """`, 40 s to 2 min left`, from what a pair has taken so far."""
    each = seconds / done
    soonest, latest = max(0, first - done) * each, (most - done) * each
    if first == most or soonest == 0:
        return f", at most {duration(latest)} left"
    return f", {duration(soonest)} to {duration(latest)} left"

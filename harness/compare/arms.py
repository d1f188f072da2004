"""The sides of a live comparison, planned: each under its own interpreter and with its own plugins."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.catalogue.loading import PluginRequest
from harness.errors import EnvironmentFault, HarnessError, NothingMeasured, UsageError
from harness.execute.launch import Launcher
from harness.execute.one import CaseFailed, OneCase, OneRequest
from harness.execute.run import RunRequest, launcher, make_plan
from harness.execute.signals import Interrupts
from harness.identity import DISTRIBUTION, identity
from harness.jobs import Matrix
from harness.records.case import Plan, Scenario
from harness.records.pairs import ArmEnd, ArmPlan

BASE = "base"
"""The name of the side that all others are compared with."""


@dataclass(frozen=True)
class ArmRequest:
    """One side as it was asked for."""

    name: str
    matrix: Matrix
    plugins: PluginRequest
    own_plugins: list[str] = field(default_factory=list)
    """The plugins that it alone is given."""
    python: str = sys.executable


@dataclass
class PlannedArm:
    """One side, planned and ready to be prepared."""

    request: ArmRequest
    plan: ArmPlan
    case: OneCase
    launcher: Launcher
    failed: ArmEnd | None = None
    """Why it takes no part, if it does not."""


def launchers(requests: list[ArmRequest], interrupts: Interrupts, stack: ExitStack) -> dict[str, Launcher]:
    """A launcher for each interpreter that the sides need, started, and of this same harness.

    Raises:
        EnvironmentFault: an interpreter cannot start it.
        UsageError: an interpreter holds another harness.
    """
    found: dict[str, Launcher] = {}
    for python in dict.fromkeys(r.python for r in requests):
        found[python] = stack.enter_context(launcher(interrupts, python))

    def kill_all() -> None:
        for one in found.values():
            one.kill()

    interrupts.on_second = kill_all
    for python, one in found.items():
        try:
            one.start(1)
        except EnvironmentFault as error:
            if python == sys.executable:
                raise
            raise EnvironmentFault(
                f"{python} does not start this harness: {error.message}",
                f"install {DISTRIBUTION} {identity()['version']} there, and torch",
            ) from error
        _shake_hands(python, one.identity)
    return found


def _shake_hands(python: str, theirs: dict[str, str | None]) -> None:
    ours = identity()
    if theirs.get("version") != ours["version"]:
        raise UsageError(
            f"{python} holds {DISTRIBUTION} {theirs.get('version')}, and this is {ours['version']}: "
            "they would not measure alike",
            "install the same version in both",
        )
    if theirs.get("digest") != ours["digest"]:
        raise UsageError(
            f"{python} holds {DISTRIBUTION} {ours['version']} as well, but its code is another: "
            "they would not measure alike",
            "install the same one in both (an editable installation changes without a new version)",
        )


def plan_arms(
    requests: list[ArmRequest],
    one: OneRequest,
    by_python: dict[str, Launcher],
    tell: Callable[[str], None],
) -> list[PlannedArm]:
    """Every side as one case that can run here.

    Args:
        one: what all have in common.
        tell: gets one line for each thing the user should know.

    Raises:
        UsageError: a name or value is wrong, or a side is more than one case.
        NothingMeasured: the base cannot run here.
    """
    found: list[PlannedArm] = []
    told: set[str] = set()
    for number, request in enumerate(requests):
        zygotes = by_python[request.python]
        asked = RunRequest([request.matrix], request.plugins, one.settings, baseline="none")
        try:
            plan = make_plan(asked, zygotes, Scenario())
        except HarnessError as error:
            # The side is named: its plugins and its interpreter are its own.
            error.message = f"{request.name}: {error.message}"
            raise
        for text in (*plan.warnings, *plan.notes, *zygotes.notes):
            if text not in told:
                told.add(text)
                tell(text)
        zygotes.notes.clear()
        folder = zygotes.folder / f"arm-{number}"
        folder.mkdir()
        found.append(_planned(request, one, plan, zygotes, folder))
    for python, zygotes in by_python.items():
        _preload(zygotes, [arm for arm in found if arm.request.python == python])
    return found


def _planned(request: ArmRequest, one: OneRequest, plan: Plan, zygotes: Launcher, folder: Path) -> PlannedArm:
    if len(plan.cases) != 1:
        raise UsageError(
            f"{request.name} is {len(plan.cases)} cases, and a side of a comparison is one",
            "give one value for each axis",
        )
    planned = plan.cases[0]
    failed = ArmEnd("unsupported", 0.0, planned.unsupported) if planned.unsupported else None
    if failed is not None and request.name == BASE:
        raise NothingMeasured(f"{BASE} is unsupported: {failed.reason}")
    own = OneRequest(request.matrix, request.plugins, one.seed, one.timeout_s, one.tolerance)
    case = OneCase(own, planned, plan.environment, zygotes, folder)
    told = ArmPlan(
        name=request.name,
        planned=planned,
        environment=plan.environment,
        plugins=plan.plugins,
        own_plugins=request.own_plugins,
        interpreter=request.python if request.python != sys.executable else None,
    )
    return PlannedArm(request, told, case, zygotes, failed)


def _preload(zygotes: Launcher, arms: list[PlannedArm]) -> None:
    """What the sides' runners would all import, but nothing of a plugin that only some of them have."""
    shared = [
        arm
        for arm in arms
        if (arm.failed is None and not arm.request.own_plugins)
        or all(p.digest is None for p in arm.plan.planned.providers if p.kind == "runner")
    ]
    if shared:
        zygotes.preload([arm.plan.planned for arm in shared], shared[0].request.plugins)


def prepare(arm: PlannedArm) -> None:
    """Makes what a side needs once: its reference, and the runner's files. Where that fails, a new side
    takes no part.

    Raises:
        NothingMeasured: it is the base.
        Interrupted: a signal came.
    """
    if arm.failed is not None:
        return
    try:
        arm.case.make_reference()
        arm.case.build()
    except CaseFailed as error:
        if arm.request.name == BASE:
            error.message = f"{BASE}: {error.message}"
            raise
        arm.failed = ArmEnd(error.status, 0.0, error.reason, error.detail)

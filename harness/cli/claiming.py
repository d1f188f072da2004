"""What judging claims and carrying speed-ups over share: what is here, measuring, the report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

import click

from harness import inventory, machine
from harness.analyse.noise import line
from harness.catalogue.loading import PluginRequest
from harness.claims.points import Here
from harness.cli import aiming, options
from harness.cli.measured import measured
from harness.compare import differences
from harness.errors import HarnessError, PluginError, Terminated, UsageError
from harness.execute import probe
from harness.execute.run import RunRequest
from harness.jobs import Matrix
from harness.plan.environment import without_torch
from harness.plan.suites import Aims
from harness.records.claims import SCHEMA, ClaimsReport
from harness.records.report import Report
from harness.records.settings import Settings
from harness.store.folder import Folder, results_folder


@dataclass(frozen=True)
class Asked:
    """What the command was called with."""

    given: dict[str, Any]
    """Options by name."""
    plugins: list[str]
    """Texts of --plugin, the group's first."""

    @property
    def folder(self) -> Folder:
        return Folder(results_folder(self.given["results"]))


def asked(ctx: click.Context, given: dict[str, Any]) -> Asked:
    """The options of this call."""
    return Asked(given, list(options.plugin_texts(ctx, given["plugin"])))


def stock(asked: Asked) -> dict[str, Any] | None:
    """What there is here; None if it cannot be found out.

    Raises:
        PluginError, UsageError: a plugin that was asked for is wrong.
    """
    extra = tuple(t for t in asked.plugins if not t.startswith("no:"))
    blocked = tuple(t[3:] for t in asked.plugins if t.startswith("no:"))
    key = inventory.environment_key(extra, blocked)
    found = inventory.cached(key)
    if found is not None:
        return found
    try:
        return probe.ask(PluginRequest.from_options(asked.plugins), key)
    except (PluginError, UsageError, Terminated):
        raise
    except HarnessError:
        return None


def here(asked: Asked) -> Here:
    """What a claim leaves open, on this machine."""
    device = (stock(asked) or {}).get("device")
    return Here(device if isinstance(device, str) else "cpu", machine.usable_cores())


def measure(
    asked: Asked, wanted: Sequence[Matrix], together: Any, throughput: bool, seed: int = 0
) -> tuple[Report, Exception | None]:
    """A run of its own of these cases, kept like any other; see harness.cli.measured.

    Args:
        together: from a plan to the ids of cases whose ratios are wanted.
        throughput: whether sustained throughput is wanted.
    """
    request = RunRequest(
        matrices=list(wanted),
        plugins=PluginRequest.from_options(asked.plugins),
        settings=Settings(
            timeout_s=asked.given["timeout"],
            throughput=throughput,
            anatomy=True,
            **aiming.settings(asked.given, Aims(further_s=aiming.CLAIMS_FURTHER_S)),
        ),
        seed=seed,
        command=command_line(),
    )
    with options.locks(asked.given, None) as locks:
        return measured(request, asked.folder, locks, "claims were measured", together=together)


def elsewhere(report: Report) -> list[str]:
    """What a stored run does not share with this machine, as far as it can be told without torch."""
    here, there = without_torch(), report.environment
    unknown = {f.name: getattr(there, f.name) for f in fields(here) if getattr(here, f.name) is None}
    if here.torch and there.torch and there.torch.startswith(here.torch.partition("+")[0]):
        unknown["torch"] = there.torch
    here = replace(here, **unknown)
    found = [*differences.machine(there, here), *differences.software(there, here)]
    return [f"run {report.run.id} was measured elsewhere: {'; '.join(found)}"] if found else []


def ran(report: Report) -> bool:
    """Whether anything of it could run at all: else there is no run to look at."""
    return any(r.status != "unsupported" for r in report.records)


def disturbed(report: Report) -> list[str]:
    """That the machine was not quiet in a run."""
    found = report.run.noise
    return [f"run {report.run.id}: the machine was {line(found)}"] if found and found.suspect else []


def claims_report(
    source: str, summary: str, report: Report, runs: list[str], notes: list[str], **parts: Any
) -> ClaimsReport:
    """The report of this call; the machine is that of `report`."""
    return ClaimsReport(
        schema=SCHEMA,
        source=source,
        summary=summary,
        started=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        command=command_line(),
        harness_version=metadata.version("pytorch-inference-lab"),
        environment=report.environment,
        runs=runs,
        notes=list(dict.fromkeys(notes)),
        **parts,
    )


def command_line() -> str:
    """The command as it was called."""
    return shlex.join(["harness", *sys.argv[1:]])

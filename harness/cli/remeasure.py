"""Measures stored cases again, as a run of its own: what `harness compare --remeasure` does."""

from __future__ import annotations

from collections.abc import Sequence

from harness.catalogue.loading import PluginRequest
from harness.cli.measured import measured
from harness.compare import remeasure
from harness.compare.stored import Pair
from harness.errors import UsageError
from harness.execute.lock import Locks
from harness.records.report import Report
from harness.store.folder import Folder


def again(
    base: Report,
    new: Report,
    pairs: Sequence[Pair],
    plugins: PluginRequest,
    folder: Folder,
    command: str,
    force: bool,
    locks: Locks,
) -> Report:
    """The cases of base that both runs have, measured now and kept as a new run.

    Raises:
        UsageError: what is here is not what base was (see harness.compare.remeasure).
        Terminated, click.Abort: a signal came; what was measured is kept, and nothing is compared.
    """
    pairs = remeasure.wanted(pairs)
    request = remeasure.request(base, new, pairs, plugins, command)
    try:
        report, ended = measured(
            request,
            folder,
            locks,
            "base was measured again",
            check=lambda plan: remeasure.check(base, pairs, plan, force),
        )
    except UsageError as error:
        files = [p.name for p in base.run.plugins if p.digest]
        if files and not error.hint:
            error.hint = f"base was measured with --plugin ({', '.join(files)}): give it here, too"
        raise
    if ended is not None:
        raise ended
    return report

"""The checks as callables for pytest, or for any other program."""

from __future__ import annotations

import atexit
from functools import cache

from harness.catalogue.loading import PluginRequest
from harness.conformance.kit import IMPORTS, TIMEOUT_S, Item, Kit
from harness.conformance.subjects import subject
from harness.execute.launch import Launcher
from harness.execute.temporary import TemporaryFolder
from harness.records.conformance import FAILED, CheckResult


class Conforms:
    """One check on one component; `str()` of it is its name."""

    def __init__(self, kit: Kit, item: Item) -> None:
        self._kit = kit
        self._item = item

    def __call__(self) -> CheckResult:
        """Makes the check, in a child process.

        Returns:
            the result of a check that is ok or does not apply.

        Raises:
            AssertionError: it failed; the text says of what, what was expected and found, and how to mend it.
        """
        found = self._kit.result(self._item)
        if found.status == FAILED:
            raise AssertionError(f"{found.reason}\nhint: {found.hint}")
        return found

    def __str__(self) -> str:
        return str(self._item)

    def __repr__(self) -> str:
        return f"<check {self._item}>"


def checks(what: str, *, timeout: float = TIMEOUT_S, plugins: tuple[str, ...] = ()) -> list[Conforms]:
    """Every check of a plugin, to be called one by one.

    Args:
        what: an installed distribution, an entry point, a plugin file, a module, or `box`.
        timeout: seconds for each check.
        plugins: files or modules to load as well: what the plugin is made to work with.

    Raises:
        UsageError: nothing here is called so.
        EnvironmentFault: no child process can be started.
    """
    kit = Kit(subject(what, PluginRequest.from_options(plugins)), _zygotes(), timeout)
    return [Conforms(kit, item) for item in kit.items()]


@cache
def _zygotes() -> Launcher:
    """Processes to fork children from, kept as long as this one."""
    folder = TemporaryFolder("conformance")
    launcher = Launcher(folder.path, imports=IMPORTS)
    atexit.register(folder.close)
    atexit.register(launcher.close)
    return launcher

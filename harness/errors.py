"""Errors that a user can cause or must be told of, and the exit codes of the command.

HarnessError            one line and a hint; caught in one place, cli.main
+-- UsageError          a wrong option, specification, suite or file name            exit 2
|   +-- UnknownName     a name that no component has
|   +-- AmbiguousName   a name that two distributions provide
|   +-- PluginError     a plugin that was asked for cannot be loaded
|   +-- StoreError      a run that cannot be found or read
+-- NothingMeasured     the run ended without one sample                            exit 4
+-- EnvironmentFault    this machine or installation cannot run the harness          exit 4
+-- Busy                another measurement runs on this machine                    exit 4
+-- WrongOutput         a model that is not served, since its output is wrong        exit 3
+-- Terminated          a signal ended the command                                  exit 143

Unsupported             raised by plugins: this combination cannot be; no fault of anybody
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit code means."""

    FINE = 0
    """All went well; unsupported combinations inside a grid are no fault."""
    GATE = 1
    """A comparison or a claim failed its gate, or a plugin does not keep the contracts."""
    USAGE = 2
    """The command line, a suite or a stored file is wrong."""
    CASES = 3
    """Some cases failed, gave incorrect output or have no reference since it failed (or, with --strict, were
    unsupported)."""
    NOTHING = 4
    """Nothing could be measured."""
    FAULT = 70
    """A fault of the harness itself."""
    INTERRUPTED = 130
    """Ended by Ctrl-C; what was finished is kept."""
    TERMINATED = 143
    """Ended by SIGTERM; what was finished is kept."""


class HarnessError(Exception):
    """An expected error: shown as one line, with a hint where one helps."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, hint: str | None = None, detail: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail
        """A traceback from elsewhere, shown with --verbose."""


@contextmanager
def placed(where: str) -> Iterator[None]:
    """Puts the place before the message of an error that comes from it, a suite's file, say."""
    try:
        yield
    except HarnessError as error:
        error.message = f"{where}: {error.message}" if where else error.message
        raise


class UsageError(HarnessError):
    """Something in the command line, a specification or a suite is wrong."""


class UnknownName(UsageError):
    """No component of this kind has that name."""


class AmbiguousName(UsageError):
    """Two distributions provide this name."""


class PluginError(UsageError):
    """A plugin that was asked for cannot be loaded."""


class StoreError(UsageError):
    """A run that cannot be found or read."""


RUNS_HINT = "`harness report --list` shows the runs here"


class NothingMeasured(HarnessError):
    """A run that ended without a single sample."""

    exit_code = ExitCode.NOTHING


class EnvironmentFault(HarnessError):
    """The harness cannot work here: no fault of what was asked."""

    exit_code = ExitCode.NOTHING


TMPDIR_HINT = "TMPDIR names another folder for temporary files"


class Busy(HarnessError):
    """Another measurement runs on this machine, and the two would disturb each other."""

    exit_code = ExitCode.NOTHING


class WrongOutput(HarnessError):
    """What a case computes is not what its reference says."""

    exit_code = ExitCode.CASES


class Terminated(HarnessError):
    """A signal other than Ctrl-C ended the command."""

    exit_code = ExitCode.TERMINATED


class Unsupported(Exception):
    """Raised by a plugin: this combination cannot run here. The text says why and what would work."""

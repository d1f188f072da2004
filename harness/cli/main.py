"""The command `harness`: finds the subcommand, and turns every error into a line and an exit code."""

from __future__ import annotations

import errno
import os
import signal
import sys
import traceback
from importlib import metadata
from typing import Any

import click

from harness.cli.lazy import LazyGroup
from harness.errors import ExitCode, HarnessError

COMMANDS = {
    "run": "Measure a model under several configurations, verified and isolated.",
    "report": "Show stored runs as a table, Markdown, JSON or CSV.",
    "explain": "Say why each number of a run is what it is, with the evidence.",
    "compare": "Which of two is faster? Verdicts with a known error rate, and a gate for CI.",
    "claims": "Are claims about configurations true here? Verdicts, and a gate for CI.",
    "infer": "Run one inference: shapes, types, error against the reference, memory.",
    "check": "Does a model really run under a runner? Graph breaks, recompilations, fallbacks.",
    "export": "Export a model to a file, verified at several batch sizes.",
    "serve": "Serve a model over HTTP: /infer, /health, /benchmark/quick, /metrics, /docs.",
    "profile": "Find the hot operators of one case, and write a trace for Perfetto.",
    "doctor": "Say what this machine is, and what would disturb a measurement on it.",
    "list": "List models, runners, precisions, reporters, suites and claims.",
    "plugins": "Write, check and list plugins.",
}
"""Every subcommand with its help line, so that `--help` imports none of them."""


_OUTSIDE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE),
    *(errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EFBIG, errno.EIO),
)
"""What the system says of files, folders and disks, whoever asks it: no fault of the harness."""
_PATH = "name another file or folder, or make this one usable"
_LONGEST = 1000
"""Characters of a message; what a name of a stranger adds beyond is left out of its middle."""


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"harness {metadata.version('pytorch-inference-lab')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    texts=COMMANDS,
    home="harness.cli.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    callback=_version,
    expose_value=False,
    is_eager=True,
    help="Show the version and exit.",
)
@click.option("-v", "--verbose", is_flag=True, help="Show tracebacks and what child processes printed.")
@click.option(
    "--plugin",
    multiple=True,
    metavar="MODULE|FILE|no:NAME",
    help="Load a plugin for this call, or leave one out. May be repeated.",
)
@click.pass_context
def harness(ctx: click.Context, verbose: bool, plugin: tuple[str, ...]) -> None:
    """Benchmark PyTorch inference: the same model under different configurations.

    Every number comes with its proof: what really ran, how right its output is, how sure we are.
    """
    ctx.obj = {"verbose": verbose, "plugin": plugin}


def main() -> None:
    """Runs the command and leaves the process with one of `harness.errors.ExitCode`."""
    try:
        code = run(sys.argv[1:])
        if code == ExitCode.INTERRUPTED:
            # A held Ctrl-C goes on while Python takes itself down, where a signal would be another end.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:  # one more, while the first was told
        os._exit(ExitCode.INTERRUPTED)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """The exit code of a command line; errors are printed as one line and a hint."""
    _open_streams()
    verbose = "-v" in arguments or "--verbose" in arguments
    for text in arguments:
        said = text.encode("utf-8", "backslashreplace").decode()
        if said != text.encode("utf-8", "replace").decode():
            hint = "what is kept of a run is UTF-8: give the file or value another name"
            return _say(f"{said} is no UTF-8 text", hint, ExitCode.USAGE, verbose)
    try:
        code = harness.main(arguments, prog_name="harness", standalone_mode=False)
        sys.stdout.flush()
        return int(code) if isinstance(code, int) else ExitCode.FINE
    except HarnessError as error:
        if verbose and error.detail:
            click.echo(error.detail, err=True)
        return _say(error.message, error.hint, error.exit_code, verbose)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return ExitCode.FINE
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "harness"
        return _say(error.format_message(), f"see `{command} --help`", ExitCode.USAGE, verbose)
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted", None, ExitCode.INTERRUPTED, verbose=False)
    except BrokenPipeError:
        # The reader has had enough; Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FINE
    except OSError as error:
        if error.errno in _OUTSIDE:
            what = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "the output"
            return _say(f"cannot use {what}: {error.strerror}", _PATH, ExitCode.USAGE, verbose)
        text = f"a fault of the harness: {error}"
        return _say(text, "please report it, with the traceback of --verbose", ExitCode.FAULT, verbose)
    except SystemExit:
        raise
    except BaseException as error:
        text = f"a fault of the harness: {type(error).__name__}: {error}"
        return _say(text, "please report it, with the traceback of --verbose", ExitCode.FAULT, verbose)


def _open_streams() -> None:
    """Where the caller has closed a standard stream, what is written to it goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - open to the end of the process


def _say(message: str, hint: str | None, code: ExitCode, verbose: bool) -> ExitCode:
    if verbose and sys.exc_info()[0] is not None:
        traceback.print_exc()
    try:
        click.echo(click.style("error: ", fg="red") + _one_line(message), err=True)
        if hint:
            click.echo(f"hint: {_one_line(hint)}", err=True)
    except BrokenPipeError:
        pass
    return code


def _one_line(text: Any) -> str:
    """Messages may carry names and texts of strangers: no line breaks, no escape sequences."""
    lines = [line for line in str(text).splitlines() if line.strip()]
    joined = lines[-1] if len(lines) > 3 else " ".join(lines)
    if len(joined) > _LONGEST:
        joined = f"{joined[: _LONGEST // 2]} ... {joined[-_LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else "?" for c in joined)

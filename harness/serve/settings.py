"""What a service is told: from the options of `harness serve`, or from the environment."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.catalogue.loading import PluginRequest
from harness.catalogue.suggest import suggestion
from harness.errors import UsageError

PREFIX = "HARNESS_SERVE_"
MOST_BATCH = 65_536
log = logging.getLogger("harness.serve")


@dataclass(frozen=True)
class ServeSettings:
    """Which case, and the limits of what it answers. None stands for the default of a single case."""

    model: str | None = None
    runner: str | None = None
    precision: str | None = None
    device: str | None = None
    threads: int | None = None
    plugins: PluginRequest = field(default_factory=PluginRequest)
    seed: int = 0
    also: tuple[str, ...] = ()
    """Further precisions to load before the port opens; others load when first asked for."""
    queue: int = 64
    """How many requests may wait beside the one that runs."""
    max_batch: int = 256
    max_body_mib: float = 32.0
    body_s: float = 10.0
    """Seconds within which a request's body must have arrived."""
    token: str | None = None
    insecure: bool = False
    """Answer without a token on addresses that other machines reach."""
    allow_incorrect: bool = False
    """Serve a model whose output is not what the reference says."""

    def __post_init__(self) -> None:
        if self.threads is not None and not 1 <= self.threads <= 1_000_000:
            raise UsageError(f"{self.threads} is no number of threads")
        for name, least, most in (
            ("queue", 0, 100_000),
            ("max_batch", 1, MOST_BATCH),
            ("max_body_mib", 0.001, 65_536),
            ("body_s", 0.001, 86_400),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(f"{name.replace('_', '-')} must be from {least:g} to {most:g}, not {value}")
        if self.token is not None and (
            not self.token.strip() or not (self.token.isascii() and self.token.isprintable())
        ):
            raise UsageError(
                "the token must not be empty, and ASCII throughout",
                "letters and digits: `openssl rand -hex 32` makes one",
            )

    @property
    def max_body(self) -> int:
        """In bytes."""
        return int(self.max_body_mib * (1 << 20))


def from_environment(environ: Mapping[str, str]) -> ServeSettings:
    """The settings in `HARNESS_SERVE_MODEL`, `HARNESS_SERVE_MAX_BATCH` and so on, one for each field.

    `HARNESS_SERVE_PLUGINS` and `HARNESS_SERVE_ALSO` are lists separated by commas; `1` and `0` switch.
    `HARNESS_SERVE_TOKEN_FILE` names a file that holds the token.

    A variable of that prefix that is no setting is a warning.

    Raises:
        UsageError: a value is none of its kind.
    """
    known = {f"{PREFIX}{name.upper()}": name for name in ServeSettings.__dataclass_fields__}
    values: dict[str, object] = {}
    for variable, text in sorted(environ.items()):
        if not variable.startswith(PREFIX):
            continue
        if variable == f"{PREFIX}TOKEN_FILE":
            values["token"] = token_in(text)
            continue
        if variable not in known:
            # No error: where a service is called harness-serve, Kubernetes sets HARNESS_SERVE_PORT and more.
            name = variable.removeprefix(PREFIX).lower()
            log.warning("%s is no setting%s", variable, suggestion(name, list(known.values())))
            continue
        values[known[variable]] = _value(known[variable], variable, text)
    return ServeSettings(**values)  # type: ignore[arg-type]


def token_in(path: str) -> str:
    """The token in a file, without the white space around it.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the token's file {path} cannot be read: {error}") from error


def _value(name: str, variable: str, text: str) -> object:
    annotation = str(ServeSettings.__dataclass_fields__[name].type)
    parts = tuple(p.strip() for p in text.split(",") if p.strip())
    try:
        if name == "plugins":
            return PluginRequest.from_options(parts)
        if annotation.startswith("tuple"):
            return parts
        if annotation == "bool":
            return {"1": True, "true": True, "0": False, "false": False, "": False}[text.strip().lower()]
        if annotation.startswith("int"):
            return int(text)
        return float(text) if annotation == "float" else text
    except (KeyError, ValueError) as error:
        kind = {"bool": "neither 1 nor 0", "float": "no number"}.get(annotation, "no whole number")
        raise UsageError(f"{variable}={text!r} is {kind}") from error

"""Checks of what every component says of itself: names, a summary, an extra, parameters."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from typing import Any

from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.catalogue import NAME
from harness.catalogue.params import as_data, fill, problem_with, schema, text_of
from harness.components import KINDS
from harness.conformance.bench import Bench
from harness.conformance.contract import Failed, NotApplicable, check
from harness.errors import UsageError

_UNKNOWN = "conformance_knows_no_such_parameter"
_NONSENSE = "conformance:no such value"


@check(
    "component.name",
    "a name of lower case letters, digits, '.', '_' and '-', other than 'all'",
    'name it in the class: name = "tiny"',
    behaves=False,
)
def name(bench: Bench) -> str | None:
    found = getattr(bench.component, "name", None)
    if not isinstance(found, str) or not NAME.fullmatch(found) or found == "all":
        raise Failed(repr(found))
    return None


@check(
    "component.kind",
    "the kind that its base class has",
    "leave `kind` to the base class",
    behaves=False,
)
def kind(bench: Bench) -> str | None:
    if bench.component.kind != bench.job.kind or bench.component.kind not in KINDS:
        raise Failed(repr(bench.component.kind))
    return None


@check(
    "component.unique",
    "a name and aliases that nobody else here has",
    "take another name: with two providers a user must write distribution/name every time",
)
def unique(bench: Bench) -> str | None:
    everything = Catalogue(load(PluginRequest(bench.job.plugins.extra)))
    component = bench.component
    for word in (component.name, *component.aliases):
        others = [
            str(p.origin)
            for p in everything.of_kind(bench.job.kind)
            if word in (p.name, *p.component.aliases) and p.origin.source != bench.job.source
        ]
        if others:
            raise Failed(f"{word!r} taken by {others[0]}")
    return None


@check(
    "component.summary",
    "a summary of one line",
    'say in one line what it is: summary = "one linear layer"',
    behaves=False,
)
def summary(bench: Bench) -> str | None:
    found = getattr(bench.component, "summary", None)
    if not isinstance(found, str) or not found.strip() or not found.isprintable():
        raise Failed(repr(found))
    return None


@check(
    "component.aliases",
    "aliases that are a tuple of further names",
    'write aliases = ("short",), a tuple of names other than the component\'s own',
    behaves=False,
)
def aliases(bench: Bench) -> str | None:
    found = bench.component.aliases
    words = found if isinstance(found, tuple) else ()
    good = all(isinstance(w, str) and NAME.fullmatch(w) and w != bench.component.name for w in words)
    if not isinstance(found, tuple) or not good or len(set(words)) != len(words):
        raise Failed(repr(found))
    return None


@check(
    "component.requires",
    "`requires` that is None or an extra of its distribution",
    "declare the extra where the package is described, or leave `requires` out",
)
def requires(bench: Bench) -> str | None:
    found = bench.component.requires
    if found is None:
        return None
    if not isinstance(found, str) or not found:
        raise Failed(repr(found))
    builtin = bench.origin.source.startswith("builtin:")
    distribution = "pytorch-inference-lab" if builtin else bench.origin.distribution
    if distribution is None:
        return f"it needs the extra {found}, and a plugin that is no distribution has none"
    extras = metadata.metadata(distribution).get_all("Provides-Extra") or []
    if found not in extras:
        raise Failed(f"{found!r}, where {distribution} has {', '.join(extras) or 'no extras'}")
    return None


@check(
    "component.available",
    "None or one sentence from available()",
    "return None where it can be used, else a sentence with what to install",
)
def available(bench: Bench) -> str | None:
    bench.stage("asking available()")
    found = bench.component.available()
    check_sentence(found)
    return f"not usable here: {found}" if found else None


@check(
    "component.params",
    "Params that are a frozen dataclass with a default for every field",
    "write @dataclass(frozen=True) above Params, and give every field a default",
    behaves=False,
)
def params(bench: Bench) -> str | None:
    reason = problem_with(bench.component.Params)
    if reason:
        raise Failed(reason)
    try:
        bench.component.Params()
    except Exception as error:
        raise Failed(f"{type(error).__name__} from Params(): {error}") from error
    return None


@check(
    "component.params-text",
    "defaults that can be written on the command line and come back the same",
    "use int, float, bool, str, Literal, tuples of them or None; text in a tuple must have no '+' in it",
    needs=("component.params",),
)
def params_text(bench: Bench) -> str | None:
    cls = bench.component.Params
    if not dataclasses.fields(cls):
        raise NotApplicable("it has no parameters")
    default = cls()
    texts = {key: text_of(value) for key, value in as_data(default).items()}
    try:
        again = fill(bench.component.name, cls, texts)
    except UsageError as error:
        raise Failed(error.message) from error
    for field in dataclasses.fields(cls):
        ours, theirs = getattr(default, field.name), getattr(again, field.name)
        if ours != theirs:
            raise Failed(f"{field.name}={texts[field.name]} read as {theirs!r} instead of {ours!r}")
    return None


@check(
    "component.params-refused",
    "a wrong parameter to be refused by its name",
    "give fields a type that says what they take; raise ValueError in __post_init__ for the rest",
    needs=("component.params",),
)
def params_refused(bench: Bench) -> str | None:
    cls, own = bench.component.Params, bench.component.name
    _refused(own, cls, _UNKNOWN, "1")
    for parameter in schema(cls):
        if "str" not in parameter.type:
            _refused(own, cls, parameter.name, _NONSENSE)
    return None


def _refused(owner: str, cls: type, key: str, text: str) -> None:
    try:
        fill(owner, cls, {key: text})
    except UsageError as error:
        if key not in error.message:
            raise Failed(f"{error.message!r} for {key}={text}") from error
    else:
        raise Failed(f"{key}={text} taken")


def check_sentence(found: Any) -> None:
    """Raises Failed unless an answer is None or one line of text."""
    if found is not None and not (isinstance(found, str) and found.strip() and "\n" not in found.strip()):
        raise Failed(repr(found))

"""Parameters of components: frozen dataclasses, filled from text, shown with types and defaults."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import msgspec

from harness.catalogue.provided import fields_of
from harness.catalogue.suggest import suggestion
from harness.errors import UsageError

_NONE_WORDS = ("none", "null")
BY_OPTION = "harness.option"
"""Marks a field that has an option of its own, in its metadata."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter as data: what `harness list` shows, and what names are checked against."""

    name: str
    type: str
    default: Any

    def __str__(self) -> str:
        if self.default is None and "None" not in self.type.split(" | "):  # it must be given
            return f"{self.name}: {self.type}"
        return f"{self.name}: {self.type} = {text_of(self.default)}"


def type_name(hint: Any) -> str:
    """A type as a user reads it: `int`, `str | None`, `'a' | 'b'`, `int from 1 to 64`."""
    low, high = bounds(hint)
    hint = _plain(hint)
    if low is not None or high is not None:
        ends = (f"from {low}" if low is not None else "", f"to {high}" if high is not None else "")
        return f"{type_name(hint)} {' '.join(end for end in ends if end)}"
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is type(None):
        return "None"
    if origin is Literal:
        return " | ".join(repr(a) for a in args)
    if origin in (typing.Union, types.UnionType):
        return " | ".join(type_name(a) for a in args)
    if origin in (tuple, list):
        return f"{type_name(args[0])}+..." if args else "str+..."
    return str(getattr(hint, "__name__", hint))


def _plain(hint: Any) -> Any:
    """The type without what `Annotated` says beside it."""
    return hint.__origin__ if typing.get_origin(hint) is typing.Annotated else hint


def bounds(hint: Any) -> tuple[Any, Any]:
    """The smallest and the largest value of `Annotated[int, msgspec.Meta(ge=1, le=64)]`; None where it has
    no such end.
    """
    said = [m for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)]
    step = 1 if _plain(hint) is int else None
    low = [m.ge for m in said if m.ge is not None]
    low += [m.gt + step for m in said if m.gt is not None and step]
    high = [m.le for m in said if m.le is not None]
    high += [m.lt - step for m in said if m.lt is not None and step]
    return max(low, default=None), min(high, default=None)


def alternatives(cls: type) -> Iterator[tuple[str, str]]:
    """(parameter, text) of every choice, and of both ends of every range, that is not the default."""
    for name, hint, default in fields_of(cls):
        plain = _plain(hint)
        values: list[Any] = []
        for option in typing.get_args(plain) if _is_union(plain) else (plain,):
            if typing.get_origin(option) is Literal:
                values += typing.get_args(option)
            elif option is bool:
                values += [True, False]
            elif option is type(None):
                values.append(None)
            values += [end for end in bounds(option) if end is not None]
        values += [end for end in bounds(hint) if end is not None]
        texts = dict.fromkeys(text_of(value) for value in values)
        yield from ((name, text) for text in texts if text != text_of(default))


def text_of(value: Any) -> str:
    """A value as it is written in a spec."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "+".join(text_of(v) for v in value)
    # 1e16 and not 1e+16: a plus joins a list.
    return str(value).replace("e+", "e") if isinstance(value, float) else str(value)


def schema(cls: type) -> tuple[Parameter, ...]:
    """The parameters of a dataclass as data; defaults in JSON-compatible form."""
    return tuple(Parameter(n, type_name(h), msgspec.to_builtins(d)) for n, h, d in fields_of(cls))


def given_by_option(cls: type) -> set[str]:
    """Fields that have an option of their own, such as --input: kept as parameters, and none to a user."""
    return {f.name for f in dataclasses.fields(cls) if f.metadata.get(BY_OPTION)}


def by_name(cls: type) -> list[Parameter]:
    """What a user gives as NAME:KEY=VALUE."""
    return [p for p in schema(cls) if p.name not in given_by_option(cls)]


def check_names(owner: str, known: Iterable[Parameter], given: Iterable[str]) -> None:
    """Raises UsageError if a given parameter is none of the known ones."""
    parameters = list(known)
    names = [p.name for p in parameters]
    for name in given:
        if name not in names:
            takes = ", ".join(str(p) for p in parameters)
            raise UsageError(
                f"{owner} has no parameter {name}{suggestion(name, names)}",
                f"it takes {takes}" if takes else "it takes no parameters",
            )


def _is_sequence(hint: Any) -> bool:
    hint = _plain(hint)
    options = typing.get_args(hint) if _is_union(hint) else (hint,)
    return any(typing.get_origin(o) in (tuple, list) or o in (tuple, list) for o in options)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def admits_none(hint: Any) -> bool:
    """Whether a value may be None."""
    return hint is type(None) or (_is_union(hint) and type(None) in typing.get_args(hint))


def _from_text(text: str, hint: Any) -> Any:
    hint = _plain(hint)
    if admits_none(hint) and text.lower() in _NONE_WORDS:
        return None
    if hint is bool or (_is_union(hint) and bool in typing.get_args(hint)):
        word = text.lower()
        if word in ("true", "yes", "on", "false", "no", "off"):
            return word in ("true", "yes", "on")
    if _is_sequence(hint):
        return [part for part in text.split("+") if part]
    return text


def fill(owner: str, cls: type, texts: Mapping[str, str]) -> Any:
    """An instance of the parameter dataclass `cls` with `texts` converted to its types.

    Raises:
        UsageError: an unknown name, a value of the wrong type, or one the dataclass itself refuses.
    """
    check_names(owner, by_name(cls), [name for name in texts if name not in given_by_option(cls)])
    hints = {name: hint for name, hint, _ in fields_of(cls)}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        hint = hints[name]
        try:
            values[name] = msgspec.convert(_from_text(text, hint), hint, strict=False)
            _refuse_nonfinite(values[name])
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            said, default = str(error).partition(" - at")[0], default_of(cls, name)
            example = default is not None or admits_none(hint)
            raise UsageError(
                f"{owner}: {name}={text} is no {type_name(hint)} ({said})",
                f"{name} is {type_name(hint)}"
                + (f", e.g. {owner}:{name}={text_of(default)}" if example else ""),
            ) from error
    try:
        return cls(**values)
    except Exception as error:
        raise UsageError(f"{owner}: {error}", _takes(cls)) from error


def _refuse_nonfinite(value: Any) -> None:
    """Parameters are stored as JSON, where NaN and Inf would turn into null."""
    if isinstance(value, float) and not math.isfinite(value):
        raise msgspec.ValidationError("Expected a finite number")
    if isinstance(value, (tuple, list)):
        for part in value:
            _refuse_nonfinite(part)


def default_of(cls: type, name: str) -> Any:
    """The default of one parameter."""
    return next(default for n, _, default in fields_of(cls) if n == name)


def _takes(cls: type) -> str:
    parameters = by_name(cls)
    return f"it takes {', '.join(map(str, parameters))}" if parameters else "it takes no parameters"


def as_data(params: Any) -> dict[str, Any]:
    """The filled parameters as JSON-compatible data, every default included."""
    data = msgspec.to_builtins(params)
    assert isinstance(data, dict)
    return data


def problem_with(cls: Any) -> str | None:
    """Why a class cannot serve as parameters, or None."""
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        return "Params must be a dataclass"
    if not cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
        return "Params must be a frozen dataclass: @dataclass(frozen=True)"
    try:
        for name, _, default in fields_of(cls):
            if default is dataclasses.MISSING:
                return f"Params.{name} has no default"
        schema(cls)
    except Exception as error:
        return f"Params cannot be read: {error}"
    return None

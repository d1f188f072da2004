"""A model made of a callable that returns a module, of a module's class, or of a module.

Parameters come from the callable's signature, inputs from `example_inputs` of the class or beside it.
"""

from __future__ import annotations

import copy
import importlib
import inspect
import os
import random
import sys
import types
import typing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import msgspec

from harness.catalogue.adopted import NEEDED, Adopted, digest, own_values
from harness.catalogue.files import import_file
from harness.catalogue.suggest import suggestion
from harness.catalogue.targets import Target
from harness.components import Inputs
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch

_SIMPLE = (bool, int, float, str)
EXAMPLE = "example_inputs"
_MAKES = "name a callable that returns a torch.nn.Module, or such a module"


class Called(Adopted):
    """See the module's docstring.

    Raises:
        UsageError: there is no such file, module or attribute, or its parameters cannot be read.
    """

    def __init__(self, target: Target) -> None:
        module = _module(target)
        self._made_by = _attribute(target, module)
        self._beside = getattr(module, EXAMPLE, None)
        self._class: Any = self._made_by if inspect.isclass(self._made_by) else None
        self._built: dict[Any, torch.nn.Module] = {}
        super().__init__(target)

    def build(self, params: Any) -> torch.nn.Module:
        import torch

        if isinstance(self._made_by, torch.nn.Module):
            return copy.deepcopy(self._made_by)
        module = self._made_by(**own_values(params))
        if not isinstance(module, torch.nn.Module):
            raise UsageError(f"{self.name} returned {type(module).__name__} and no torch.nn.Module", _MAKES)
        return module

    def parameters(self) -> list[tuple[str, Any, Any]]:
        import torch

        found: list[tuple[str, Any, Any]] = []
        if isinstance(self._made_by, torch.nn.Module):
            return found
        for parameter in _signature(self.target.name, self._made_by):
            hint, default = parameter.annotation, parameter.default
            if default is NEEDED:
                if not _is_told(hint):
                    raise UsageError(
                        f"{self.target.name} needs {parameter.name}, and nobody says of what type it is",
                        "annotate it with int, float, bool, str or a Literal, or give it a default",
                    )
                found.append((parameter.name, hint, NEEDED))
            elif _is_told(hint) and _fits(default, hint):
                found.append((parameter.name, hint, default))
            elif _is_told(hint) and default is None:  # as in `width: int = None`
                found.append((parameter.name, hint | None, None))
            elif isinstance(default, _SIMPLE):
                found.append((parameter.name, type(default), default))
        return found

    def _taken(self, params: Any) -> list[inspect.Parameter]:
        import torch

        if self._class:
            return list(inspect.signature(self._class.forward).parameters.values())[1:]
        ready = isinstance(self._made_by, torch.nn.Module)
        module = self._made_by if ready else self._instance(params)
        return list(inspect.signature(module.forward).parameters.values())

    def keyword_only(self, params: Any) -> set[str]:
        return {p.name for p in self._taken(params) if p.kind == p.KEYWORD_ONLY}

    def takes(self, params: Any) -> tuple[list[str], bool]:
        every = self._taken(params)
        names = [p.name for p in every if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        return names, any(p.kind == p.VAR_KEYWORD for p in every)

    def example(self, params: Any, batch_size: int) -> Inputs:
        return _batch_of(self._example(params), batch_size, self.name)

    @property
    def is_known_to_take(self) -> bool:
        import torch

        return self._class is not None or isinstance(self._made_by, torch.nn.Module)

    def check(self) -> None:
        super().check()
        if self.is_described or self._beside is not None or hasattr(self._class, EXAMPLE):
            return
        try:
            params = self.Params()
        except ValueError:
            return  # parameters are missing, which is told where they are filled
        self._example(params)

    def _example(self, params: Any) -> Any:
        """`example_inputs` of the module or its class, else the one beside it."""
        of_class = inspect.getattr_static(self._class, EXAMPLE, None) if self._class else None
        if isinstance(of_class, (staticmethod, classmethod)):
            return getattr(self._class, EXAMPLE)
        if self._beside is not None and of_class is None:
            return self._beside
        found = getattr(self._instance(params), EXAMPLE, None)
        if found is None:
            raise UsageError(
                f"{self.name}: nobody says what goes in",
                f"say it like --input x=float32[batch,3,224,224], or define {EXAMPLE}(batch_size) beside it",
            )
        return found

    def _instance(self, params: Any) -> torch.nn.Module:
        """A module to ask what it takes; made once, and without a trace in the generators."""
        if params not in self._built:
            with _generators_kept():
                self._built = {params: self.build(params)}
        return self._built[params]


# -- what is named -----------------------------------------------------------------------------------


def _module(target: Target) -> ModuleType:
    """The imported file or module.

    Raises:
        UsageError: it is not there. What it raises itself is passed on.
    """
    if not target.is_file:
        if os.getcwd() not in sys.path:
            sys.path.insert(0, os.getcwd())
        try:
            return importlib.import_module(target.where)
        except ModuleNotFoundError as error:
            if error.name and (target.where == error.name or target.where.startswith(f"{error.name}.")):
                raise UsageError(
                    f"{target.text}: there is no module {error.name!r} here",
                    "a file is named by its path: net.py:build",
                ) from error
            raise
    path = Path(target.where).expanduser().resolve()
    if str(path.parent) not in sys.path:
        # As if it were run: what lies beside it can be imported.
        sys.path.insert(0, str(path.parent))
    return import_file(path, f"harness_model_{path.stem}_{digest(target)}")


def _attribute(target: Target, module: ModuleType) -> Any:
    found: Any = module
    for part in target.attribute.split("."):
        if not hasattr(found, part):
            own = [n for n, v in vars(module).items() if _is_of(module, v) and not n.startswith("_")]
            raise UsageError(
                f"{target.text}: there is no {target.attribute!r}{suggestion(target.attribute, own)}",
                f"callable there: {', '.join(own[:10])}" if own else None,
            )
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(f"{target.text} is {type(found).__name__} and nothing that makes a module", _MAKES)
    import torch

    # Calling a class makes one of it, unless it says otherwise.
    if inspect.isclass(found) and not issubclass(found, torch.nn.Module) and found.__new__ is object.__new__:
        raise UsageError(f"{target.text} is a class and no torch.nn.Module", _MAKES)
    return found


def _is_of(module: ModuleType, value: Any) -> bool:
    """Whether a value could be meant as a model: a module, or a callable that is no one else's."""
    import torch

    home, own = str(getattr(value, "__module__", "")).partition(".")[0], module.__name__.partition(".")[0]
    return isinstance(value, torch.nn.Module) or (callable(value) and home == own)


def _is_told(hint: Any) -> bool:
    """Whether its values can be written as text: numbers, words, those of a choice or a range, nothing."""
    if not _has_words(hint):
        return False
    try:
        msgspec.json.Decoder(hint)
    except TypeError:  # a union of types that a text does not tell apart
        return False
    return True


def _has_words(hint: Any) -> bool:
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _has_words(parts[0])
    if origin in (typing.Union, types.UnionType):
        return all(part is types.NoneType or _has_words(part) for part in parts)
    return origin is typing.Literal or hint in _SIMPLE


def _fits(value: Any, hint: Any) -> bool:
    """Whether a default is what its annotation says."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError:
        return False
    return True


def _signature(name: str, made_by: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(made_by, eval_str=True)
    except (TypeError, ValueError, NameError):
        try:
            signature = inspect.signature(made_by)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{name}: its parameters cannot be read ({error})") from error
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [p for p in signature.parameters.values() if p.kind in kinds]


# -- inputs ------------------------------------------------------------------------------------------


def _batch_of(example: Any, batch_size: int, name: str) -> Inputs:
    """What `example_inputs` gives for a batch: called with its size, or repeated to it."""
    if callable(example):
        wants = [p for p in inspect.signature(example).parameters.values() if p.kind < p.VAR_POSITIONAL]
        if wants:
            return _as_inputs(example(batch_size), name)
        example = example()
    found = _as_inputs(example, name)
    return found.map(lambda t: t[[k % len(t) for k in range(batch_size)]] if t.ndim else t)


def _as_inputs(made: Any, name: str) -> Inputs:
    """Inputs as they are; a tuple or list as arguments, a dict by name, anything else as the one argument."""
    if isinstance(made, Inputs):
        return made
    if made is None:
        raise TypeError(f"{name}: {EXAMPLE} returned None")
    if isinstance(made, (tuple, list)):
        return Inputs(*made)
    return Inputs(**made) if isinstance(made, dict) else Inputs(made)


@contextmanager
def _generators_kept() -> Iterator[None]:
    """What is drawn inside leaves torch's, numpy's and Python's generators as they were."""
    import numpy
    import torch

    states = torch.get_rng_state(), numpy.random.get_state(), random.getstate()
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        numpy.random.set_state(states[1])
        random.setstate(states[2])

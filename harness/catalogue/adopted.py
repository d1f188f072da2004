"""A model made of what a user has: a callable that returns a module, a module's class, or a module.

Parameters come from the callable's signature, inputs from what the command line says or from
`example_inputs` beside it. Nothing here imports torch before a model is built.
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import importlib
import importlib.util
import inspect
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness import hookspecs
from harness.catalogue import drawn
from harness.catalogue.suggest import suggestion
from harness.catalogue.targets import Target
from harness.components import Inputs, Model
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch

_SIMPLE = (bool, int, float, str)
EXAMPLE = "example_inputs"


def plugin(target: Target) -> Any:
    """A plugin that provides the one model.

    Raises:
        UsageError: there is no such file, module or attribute, it makes no module, or nobody says what its
            inputs are.
    """

    class Plugin:
        @hookspecs.hookimpl
        def harness_models(self) -> Iterator[Model]:
            yield model

    module = _module(target)
    model = Adopted(target, _attribute(target, module), module)
    return Plugin()


class Adopted(Model):
    """See the module's docstring."""

    def __init__(self, target: Target, made_by: Any, module: ModuleType) -> None:
        self.target = target
        self.name = target.name  # type: ignore[misc]
        self.summary = f"from {target.where}"  # type: ignore[misc]
        self._made_by = made_by
        self._beside = getattr(module, EXAMPLE, None)
        self.described = [drawn.parse(text) for text in target.given.inputs]
        names = [d.name for d in self.described]
        if len(set(names)) < len(names):
            raise UsageError(f"--input names one input twice: {', '.join(names)}")
        self._class: Any = made_by if inspect.isclass(made_by) else None
        self._built: dict[Any, torch.nn.Module] = {}
        self.Params = _params(self, made_by)  # type: ignore[misc]

    def build(self, params: Any) -> torch.nn.Module:
        import torch

        if isinstance(self._made_by, torch.nn.Module):
            return copy.deepcopy(self._made_by)
        module = self._made_by(**{name: getattr(params, name) for name in self._own(params)})
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"{self.name} returned {type(module).__name__} and no torch.nn.Module")
        return module

    def inputs(self, params: Any, batch_size: int) -> Inputs:
        given = self.target.given
        if given.file is not None:
            return self._called(params, drawn.rows(given.file, batch_size))
        if self.described:
            return self._called(params, {d.name: d.tensor(batch_size) for d in self.described})
        return _batch_of(self._example(params), batch_size, self.name)

    def check(self) -> None:
        """Whether anybody says what goes in, asked before anything is measured.

        Raises:
            UsageError: nobody does.
        """
        given = self.target.given
        if given.file is None and not self.described and self._beside is None:
            if self._class is not None and hasattr(self._class, EXAMPLE):
                return
            try:
                params = self.Params()
            except ValueError:
                return  # parameters are missing, which is told where they are filled
            self._example(params)

    def _own(self, params: Any) -> list[str]:
        """The parameters that are the callable's and not about inputs."""
        said = {f.name for f in dataclasses.fields(params) if f.metadata.get("inputs")}
        return [f.name for f in dataclasses.fields(params) if f.name not in said]

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

    def _called(self, params: Any, tensors: Mapping[str, torch.Tensor]) -> Inputs:
        """Tensors by name as the arguments of `forward`."""
        forward = self._class.forward if self._class else self._instance(params).forward
        kinds = inspect.signature(forward).parameters.values()
        takes = [p.name for p in kinds if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        takes = takes[1:] if self._class else takes
        names = list(tensors)
        strange = [n for n in names if n not in takes]
        if names == takes[: len(names)] or len(strange) == len(names) == 1:
            return Inputs(*tensors.values())
        if strange and not any(p.kind == p.VAR_KEYWORD for p in kinds):
            raise UsageError(
                f"{self.name}: forward has no input {strange[0]!r}{suggestion(strange[0], takes)}",
                f"it takes {', '.join(takes) or 'nothing by name'}",
            )
        return Inputs(**tensors)

    def _instance(self, params: Any) -> torch.nn.Module:
        """A module to ask what it takes; made once, and without a trace in the generators."""
        if params not in self._built:
            with _generators_kept():
                self._built = {params: self.build(params)}
        return self._built[params]


# -- what is named -----------------------------------------------------------------------------------


def digest(target: Target) -> str | None:
    """The first 16 hex digits of a file's sha256, with that of its inputs' file."""
    if not target.is_file:
        return None
    whole = hashlib.sha256()
    try:
        whole.update(Path(target.where).read_bytes())
        if target.given.file:
            whole.update(Path(target.given.file).read_bytes())
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror or error}") from error
    return whole.hexdigest()[:16]


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
                raise UsageError(f"{target.text}: there is no module {error.name!r} here") from error
            raise
    path = Path(target.where).expanduser().resolve()
    if not path.is_file():
        raise UsageError(f"{target.text}: there is no file {target.where}")
    name = f"harness_model_{path.stem}_{digest(target)}"
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        # As if it were run: what lies beside it can be imported.
        sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _attribute(target: Target, module: ModuleType) -> Any:
    found: Any = module
    for part in target.attribute.split("."):
        if not hasattr(found, part):
            own = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise UsageError(
                f"{target.text}: there is no {target.attribute!r}{suggestion(target.attribute, own)}",
                f"callable there: {', '.join(own[:10])}" if own else None,
            )
        found = getattr(found, part)
    if not callable(found):
        raise UsageError(
            f"{target.text} is {type(found).__name__} and nothing that makes a module",
            "name a callable that returns a torch.nn.Module, or such a module",
        )
    return found


# -- parameters --------------------------------------------------------------------------------------


def _params(model: Adopted, made_by: Any) -> type:
    """A frozen dataclass of the simple parameters of a callable, and of what the inputs are."""
    import torch

    fields: list[tuple[str, Any, Any]] = []
    needed: list[str] = []
    if not isinstance(made_by, torch.nn.Module):
        for parameter in _signature(model.name, made_by):
            hint, default = parameter.annotation, parameter.default
            if default is inspect.Parameter.empty:
                if hint not in _SIMPLE:
                    raise UsageError(
                        f"{model.name} needs {parameter.name}, and nobody says of what type it is",
                        "annotate it with int, float, bool or str, or give it a default",
                    )
                needed.append(parameter.name)
                fields.append((parameter.name, hint | None, None))
            elif isinstance(default, _SIMPLE):
                fields.append((parameter.name, hint if hint in _SIMPLE else type(default), default))
    given = model.target.given
    said = {
        "input": " ".join(map(str, model.described)),
        "inputs": Path(given.file).name if given.file else "",
    }
    for name, text in said.items():
        if text:
            if name in [f[0] for f in fields]:
                raise UsageError(f"{model.name} has a parameter called {name!r}, which --{name} needs")
            # Part of the case: other inputs are other work.
            fields.append((name, str, dataclasses.field(default=text, metadata={"inputs": True})))

    def check(self: Any) -> None:
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"{name} must be given: {model.name}:{name}=...")

    return dataclasses.make_dataclass("Params", fields, frozen=True, namespace={"__post_init__": check})


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

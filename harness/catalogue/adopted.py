"""A model that was named by where it is: what all such models share, and who makes each.

`harness.catalogue.called` makes one of a callable; files that are models have readers, which
`registry/formats.toml` names. Nothing here imports torch before a model is built.
"""

from __future__ import annotations

import dataclasses
import glob
import hashlib
import importlib
import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness import hookspecs, registry
from harness.catalogue import drawn
from harness.catalogue.params import BY_OPTION, admits_none, given_by_option
from harness.catalogue.suggest import suggestion
from harness.catalogue.targets import Target
from harness.components import Inputs, Model
from harness.errors import Unsupported, UsageError

if TYPE_CHECKING:
    import torch


NEEDED: Any = inspect.Parameter.empty
"""Stands for the default of a parameter that must be given."""


class Adopted(Model):
    """A model with the name of its file or module, whose inputs the command line may describe."""

    takes_all = False
    """Whether it needs every input that it takes."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.name = target.name  # type: ignore[misc]
        self.summary = f"from {target.where}"  # type: ignore[misc]
        self.described = [drawn.parse(text) for text in target.given.inputs]
        self._arrays: list[str] = []
        if target.given.file is not None:
            self._arrays = drawn.check_file(target.given.file)
        names = [d.name for d in self.described]
        if len(set(names)) < len(names):
            raise UsageError(f"--input names one input twice: {', '.join(names)}")
        self.Params = self._params()  # type: ignore[misc]

    # -- what each sort says of itself -------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The coarsest floating-point format in a file that is the model. It was rounded to it when it was
        written, so it is held to the limit of what casts to that format.
        """
        return "float32"

    def parameters(self) -> list[tuple[str, Any, Any]]:
        """(name, type, default) of each parameter; `NEEDED` where one must be given."""
        return []

    def takes(self, params: Any) -> tuple[list[str], bool]:
        """The inputs that it takes by name, in their order, and whether it takes others as well."""
        raise NotImplementedError

    def example(self, params: Any, batch_size: int) -> Inputs:
        """Inputs of its own, where nobody described any.

        Raises:
            UsageError: it has none.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Looks, before anything is measured, whether anybody says what goes in, and by names that there are.

        Raises:
            UsageError: nobody does, or a name is another one.
        """
        if self.is_described and self.is_known_to_take:
            self._by_position(None, [d.name for d in self.described] or self._arrays)

    @property
    def is_known_to_take(self) -> bool:
        """Whether `takes` can be asked before the model is made, whatever its parameters."""
        return True

    def unfit(self, batch_size: int) -> tuple[str, str] | None:
        """(why it cannot be called with so large a batch, what would do), as far as its file says."""
        return None

    # -- inputs --------------------------------------------------------------------------------------

    @property
    def is_described(self) -> bool:
        return bool(self.described) or self.target.given.file is not None

    @property
    def is_batched(self) -> bool:
        """Whether an input has the batch as its first axis, as far as the command line says."""
        return not self.described or any(d.dims[:1] == (drawn.BATCH,) for d in self.described)

    def inputs(self, params: Any, batch_size: int) -> Inputs:
        unfit = self.unfit(batch_size)
        if unfit:
            raise Unsupported(": ".join(unfit))
        given = self.target.given
        if given.file is not None:
            return self._called(params, drawn.rows(given.file, batch_size))
        if self.described:
            return self._called(params, {d.name: d.tensor(batch_size) for d in self.described})
        return self.example(params, batch_size)

    def keyword_only(self, params: Any) -> set[str]:
        """Those of the inputs that it takes by name alone."""
        return set()

    def _called(self, params: Any, tensors: Mapping[str, torch.Tensor]) -> Inputs:
        """Tensors by name as arguments."""
        if self._by_position(params, list(tensors)):
            return Inputs(*tensors.values())
        return Inputs(**tensors)

    def _by_position(self, params: Any, names: list[str]) -> bool:
        """Whether inputs of these names go in in their order and not by name.

        Raises:
            UsageError: one of them is not there, or one that is needed is not among them.
        """
        takes, others = self.takes(params)
        strange = [n for n in names if n not in takes]
        alone = len(strange) == len(names) == 1 and not (self.takes_all and len(takes) > 1)
        missing = [n for n in takes if n not in names] if self.takes_all and not alone else []
        if strange and not others and not alone:
            raise UsageError(
                f"{self.name} takes no input {strange[0]!r} but {', '.join(takes) or 'none by name'}"
                f"{suggestion(strange[0], takes)}",
                "say each by its name: --input NAME=DTYPE[DIM,...], or an array of that name in --inputs",
            )
        if missing:
            raise UsageError(
                f"{self.name} takes {', '.join(takes)}, and nobody says what goes into {', '.join(missing)}",
                f"say it, too: --input {missing[0]}=DTYPE[DIM,...]",
            )
        by_name = self.keyword_only(params) & set(names)
        return not by_name and (names == takes[: len(names)] or alone)

    def _params(self) -> type:
        """A frozen dataclass of its parameters, and of what its inputs are: other inputs are other work."""
        own = self.parameters()
        needed = [n for n, hint, value in own if value is NEEDED and not admits_none(hint)]
        # Nothing stands for what is not given: that is told when the parameters are filled.
        fields: list[Any] = [
            (n, hint, dataclasses.field(default=None if value is NEEDED else value)) for n, hint, value in own
        ]
        given = self.target.given
        said = {
            "input": " ".join(map(str, self.described)),
            "inputs": Path(given.file).name if given.file else "",
        }
        for name, text in said.items():
            if text:
                if name in [f[0] for f in fields]:
                    raise UsageError(f"{self.name} has a parameter called {name!r}, which --{name} needs")
                fields.append((name, str, dataclasses.field(default=text, metadata={BY_OPTION: True})))

        def check(params: Any) -> None:
            for name in needed:
                if getattr(params, name) is None:
                    raise ValueError(f"{name} must be given: {self.name}:{name}=...")

        return dataclasses.make_dataclass("Params", fields, frozen=True, namespace={"__post_init__": check})


def coarsest(dtypes: Collection[str]) -> str:
    """Of some formats the one that rounds most; float32 where none of them has a point."""
    return next((d for d in ("bfloat16", "float16", "float32", "float64") if d in dtypes), "float32")


def fixed_batch(inputs: Sequence[int], outputs: Collection[int]) -> int | None:
    """The batch of a file in which no size is open: the first size of an input that an output has as well,
    since a table has another; of the first input where none does.

    Args:
        inputs: the first size of each input that has axes.
        outputs: the same of the outputs.
    """
    return next((n for n in inputs if n in outputs), inputs[0] if inputs else None)


def own_values(params: Any) -> dict[str, Any]:
    """The parameters that are the model's and not about inputs."""
    by_option = given_by_option(type(params))
    return {f.name: getattr(params, f.name) for f in dataclasses.fields(params) if f.name not in by_option}


def plugin(target: Target) -> Any:
    """A plugin that provides the one model.

    Raises:
        UsageError: it is not there, makes no module, or its inputs are described wrongly.
    """
    if target.suffix:
        module, _, name = registry.formats()[target.suffix].partition(":")
        model: Adopted = getattr(importlib.import_module(module), name)(target)
    else:
        from harness.catalogue.called import Called

        model = Called(target)

    class Plugin:
        @hookspecs.hookimpl
        def harness_models(self) -> Iterator[Model]:
            yield model

    return Plugin()


def _beside(target: Target) -> list[str]:
    """Files with the weights of an exported file, as exporters name them: net.onnx.data, net.onnx_data."""
    if not target.suffix:
        return []
    path = Path(target.where).expanduser()
    return sorted(str(p) for p in path.parent.glob(f"{glob.escape(path.name)}?*") if p.is_file())


def digest(target: Target) -> str | None:
    """The first 16 hex digits of a file's sha256, with that of the weights beside it and of its inputs' file.

    Raises:
        UsageError: one of them cannot be read.
    """
    if not target.is_file:
        return None
    whole = hashlib.sha256()
    for path in (target.where, *_beside(target), target.given.file):
        if path:
            try:
                with open(Path(path).expanduser(), "rb") as file:
                    while piece := file.read(1 << 20):
                        whole.update(piece)
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror or error}") from error
    return whole.hexdigest()[:16]

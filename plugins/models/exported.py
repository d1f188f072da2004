"""A program that torch.export wrote: `-m net.pt2`."""

from __future__ import annotations

import zipfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from harness.catalogue.adopted import Adopted, coarsest
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch


_PROGRAMS = {"model.json", "serialized_exported_program.json"}
"""Where a file of torch.export has its graph, in this version and in earlier ones."""


class Exported(Adopted):
    """The file's program as a module, with inputs like the example that it keeps.

    The file says which sizes are fixed. Where the batch is one of them, other batch sizes are unsupported.
    """

    @property
    def path(self) -> Path:
        return Path(self.target.where).expanduser()

    @cached_property
    def program(self) -> Any:
        """The file as torch.export reads it."""
        import torch

        return torch.export.load(self.path)

    @property
    def dtype(self) -> str:
        every = [n.meta.get("val") for n in self.program.graph.nodes if n.op == "placeholder"]
        return coarsest({str(getattr(t, "dtype", "")).removeprefix("torch.") for t in every})

    def check(self) -> None:
        """Raises UsageError if the file is none that torch.export wrote, or is damaged."""
        hint = "torch.export.save(torch.export.export(model, example), FILE) writes such files"
        try:
            with zipfile.ZipFile(self.path) as archive:
                members = {member.rpartition("/")[2] for member in archive.namelist()}
        except (zipfile.BadZipFile, OSError) as error:
            raise UsageError(f"{self.name} is no program of torch.export: {error}", hint) from error
        # Anything else in a zip file, such as what torch.save writes, torch would try to unpickle.
        if not members & _PROGRAMS:
            other = "a file of torch.save" if "data.pkl" in members else "another file"
            raise UsageError(f"{self.name} is {other} and no program of torch.export", hint)
        try:
            _ = self.program
        except Exception as error:
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            if first.startswith("We ran into an error when deserializing"):  # torch does not say which
                first = "it is damaged, or was written by another version of torch"
            raise UsageError(
                f"{self.name} cannot be read as a program of torch.export: {first}", hint
            ) from error

    def build(self, params: Any) -> torch.nn.Module:
        import torch

        class Program(torch.nn.Module):
            """What torch.export makes refuses to be told whether it trains."""

            def __init__(self, module: torch.nn.Module) -> None:
                super().__init__()
                self.module = module

            def train(self, mode: bool = True) -> Program:
                self.training = mode
                return self

            def forward(self, *args: Any, **kwargs: Any) -> Any:
                return self.module(*args, **kwargs)

        return Program(torch.export.load(self.path).module())

    def takes(self, params: Any) -> tuple[list[str], bool]:
        return list(self.program.graph_signature.user_inputs), False

    def example(self, params: Any, batch_size: int) -> harness.Inputs:
        import torch

        example = self.program.example_inputs
        if example is None:
            raise harness.Unsupported(f"{self.name} keeps no example: say what goes in by --input")
        args, kwargs = example
        shapes = self._shapes()
        waiting = iter(shapes)

        def alike(tensor: torch.Tensor) -> torch.Tensor:
            first = next(waiting)
            if first is None:
                return tensor
            if isinstance(first, int) and first != batch_size:
                raise harness.Unsupported(f"{self.name} was exported for batch {first} alone: -b {first}")
            shape = (batch_size, *tensor.shape[1:])
            if tensor.is_floating_point():
                return torch.randn(shape).to(tensor.dtype)
            if tensor.dtype == torch.bool:
                return torch.randint(0, 2, shape).bool()
            low, high = int(tensor.min()), int(tensor.max())
            return torch.randint(low, high + 1, shape, dtype=tensor.dtype)

        return harness.Inputs(*args, **kwargs).map(alike)

    def _shapes(self) -> list[int | str | None]:
        """The first size of each tensor input: a number if it is fixed, None for a tensor of no axes."""
        names = set(self.program.graph_signature.user_inputs)
        found: list[int | str | None] = []
        for node in self.program.graph.nodes:
            value = node.meta.get("val")
            if node.op == "placeholder" and node.name in names and hasattr(value, "shape"):
                first = value.shape[0] if len(value.shape) else None
                found.append(first if first is None or isinstance(first, int) else str(first))
        return found

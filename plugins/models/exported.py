"""A program that torch.export wrote: `-m net.pt2`."""

from __future__ import annotations

import zipfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import harness
from harness.catalogue.adopted import Adopted, coarsest, fixed_batch
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch


_PROGRAMS = {"model.json", "serialized_exported_program.json"}
"""Where a file of torch.export has its graph, in this version and in earlier ones."""
_LARGEST = 1_000_000
"""A batch that nobody asks for: where no end was said, torch has one of its own."""


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
        super().check()

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
        return [n for n in self.program.graph_signature.user_inputs if isinstance(n, str)], False

    def example(self, params: Any, batch_size: int) -> harness.Inputs:
        import torch

        example = self.program.example_inputs
        if example is None:
            raise harness.Unsupported(f"{self.name} keeps no example: say what goes in by --input")
        args, kwargs = example
        waiting = iter(self._shapes)

        def alike(tensor: torch.Tensor) -> torch.Tensor:
            sizes = next(waiting)
            if not sizes:
                return tensor
            shape = [
                batch_size if said in self._batch_names else now
                for said, now in zip(sizes, tensor.shape, strict=True)
            ]
            if tensor.is_floating_point():
                return torch.randn(shape).to(tensor.dtype)
            if tensor.dtype == torch.bool:
                return torch.randint(0, 2, shape).bool()
            low, high = int(tensor.min()), int(tensor.max())
            return torch.randint(low, high + 1, shape, dtype=tensor.dtype)

        return harness.Inputs(*args, **kwargs).map(alike)

    def unfit(self, batch_size: int) -> tuple[str, str] | None:
        if not self.is_batched:
            return None
        if not self._batch_names:
            firsts = [int(sizes[0]) for sizes in self._shapes if sizes]
            fixed = fixed_batch(firsts, [size for size in self._output_firsts() if isinstance(size, int)])
            if fixed in (None, batch_size):
                return None
            return f"{self.name} was exported for batch {fixed} alone", f"-b {fixed}"
        for name, span in self.program.range_constraints.items():
            if str(name) in self._batch_names and not span.lower <= batch_size <= span.upper:
                end = f"to {span.upper}" if span.upper < _LARGEST else "on"
                return (
                    f"{self.name} was exported for batches from {span.lower} {end}",
                    f"-b {span.lower if batch_size < span.lower else span.upper}",
                )
        return None

    @cached_property
    def _shapes(self) -> list[tuple[int | str, ...]]:
        """The sizes of each tensor input: numbers where they are fixed, else how the program calls them."""
        names = set(self.program.graph_signature.user_inputs)
        values = (n.meta.get("val") for n in self.program.graph.nodes if n.name in names)
        return [_sizes(value) for value in values if hasattr(value, "shape")]

    def _output_firsts(self) -> list[int | str]:
        names = set(self.program.graph_signature.user_outputs)
        values = (n.meta.get("val") for n in self.program.graph.nodes if n.name in names)
        return [sizes[0] for value in values if hasattr(value, "shape") and (sizes := _sizes(value))]

    @cached_property
    def _batch_names(self) -> set[str]:
        """What the program calls open sizes that come first."""
        return {sizes[0] for sizes in self._shapes if sizes and isinstance(sizes[0], str)}


def _sizes(value: Any) -> tuple[int | str, ...]:
    return tuple(size if isinstance(size, int) else str(size) for size in value.shape)

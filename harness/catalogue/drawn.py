"""Inputs that a user describes: `x=float32[batch,3,224,224]`, or arrays in a file."""

from __future__ import annotations

import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalogue.suggest import suggestion
from harness.errors import UsageError

if TYPE_CHECKING:
    import torch

BATCH = "batch"
FLOATS = ("float32", "float64", "float16", "bfloat16")
INTEGERS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTEGERS, "bool")
_LARGEST = 1 << 40
_FLOAT_ENDS = {"float16": 65504.0, "bfloat16": 3.3895e38, "float32": 3.4028e38}
_SPEC = re.compile(r"(?P<name>[A-Za-z_]\w*)=(?P<dtype>\w+)\[(?P<dims>[^;\]]*)(?:;(?P<range>[^\]]*))?\]")
_RANGE = re.compile(r"\s*(-?[\d.eE+-]+?)\s*\.\.\s*(-?[\d.eE+-]+)\s*")
_HINT = "write it like --input x=float32[batch,3,224,224] or --input ids=int64[batch,128;0..30521]"


@dataclass(frozen=True)
class Drawn:
    """One input: its name, type and shape, and the numbers that are drawn for it."""

    name: str
    dtype: str
    dims: tuple[int | str, ...]
    """Sizes; `batch` stands for the batch size."""
    low: float | None = None
    high: float | None = None
    """Both ends belong to it. None: standard normal numbers, or for bool either value."""

    def __str__(self) -> str:
        span = "" if self.low is None else f";{self.low:g}..{self.high:g}"
        return f"{self.name}={self.dtype}[{','.join(map(str, self.dims))}{span}]"

    def tensor(self, batch_size: int) -> torch.Tensor:
        """Numbers drawn from torch's global generator."""
        import torch

        dtype = getattr(torch, self.dtype)
        shape = [batch_size if d == BATCH else int(d) for d in self.dims]
        if self.dtype == "bool":
            return torch.randint(0, 2, shape).bool()
        if self.dtype in INTEGERS:
            assert self.low is not None
            assert self.high is not None
            return torch.randint(int(self.low), int(self.high) + 1, shape, dtype=dtype)
        if self.low is None or self.high is None:
            return torch.randn(shape).to(dtype)
        return (self.low + (self.high - self.low) * torch.rand(shape)).to(dtype)


def parse(text: str) -> Drawn:
    """One `--input`.

    Raises:
        UsageError: it is not of that form, or describes no tensor.
    """
    match = _SPEC.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"--input {text!r} is no NAME=DTYPE[DIM,...]", _HINT)
    dtype = match["dtype"]
    if dtype not in DTYPES:
        raise UsageError(
            f"--input {text}: there is no type {dtype!r}{suggestion(dtype, DTYPES)}",
            f"types are {', '.join(DTYPES)}",
        )
    dims = tuple(_dim(text, piece.strip()) for piece in match["dims"].split(",") if piece.strip())
    low, high = _range(text, dtype, match["range"])
    return Drawn(match["name"], dtype, dims, low, high)


def _dim(text: str, piece: str) -> int | str:
    if piece == BATCH:
        return BATCH
    if not re.fullmatch(r"[0-9]{1,13}", piece) or not 0 < int(piece) < _LARGEST:
        raise UsageError(f"--input {text}: {piece!r} is no size", f"a whole number from 1 on, or {BATCH}")
    return int(piece)


def _range(text: str, dtype: str, said: str | None) -> tuple[float | None, float | None]:
    if said is None:
        if dtype in INTEGERS:
            raise UsageError(
                f"--input {text}: which integers?", f"say the smallest and the largest: {dtype}[...;0..9]"
            )
        return None, None
    if dtype == "bool":
        raise UsageError(f"--input {text}: bool takes no range", _HINT)
    match = _RANGE.fullmatch(said)
    try:
        low, high = (float(match[1]), float(match[2])) if match else (1.0, 0.0)
    except ValueError:
        low, high = 1.0, 0.0
    if not low <= high or not abs(low) + abs(high) < float("inf"):
        raise UsageError(f"--input {text}: {said!r} is no range", "from the smallest to the largest: 0..9")
    if dtype in INTEGERS and not (low.is_integer() and high.is_integer()):
        raise UsageError(f"--input {text}: {said!r} are no whole numbers")
    least, most = _ends(dtype)
    if low < least or high > most:
        raise UsageError(f"--input {text}: {dtype} has numbers from {least:.8g} to {most:.8g}, not {said}")
    return low, high


def _ends(dtype: str) -> tuple[float, float]:
    """The smallest and the largest number of a type."""
    if dtype not in INTEGERS:
        most = _FLOAT_ENDS.get(dtype, sys.float_info.max)
        return -most, most
    bits = int(dtype.removeprefix("u").removeprefix("int"))
    if dtype.startswith("u"):
        return 0, (1 << bits) - 1
    # The largest of 64 bits is no float, and drawing takes one number more than the last.
    most = (1 << bits - 1) - (1024 if bits == 64 else 1)
    return -(1 << bits - 1), most


def check_file(path: str) -> list[str]:
    """The names of the arrays of a .npz file, by the head of each and nothing else of it.

    Raises:
        UsageError: it cannot be read, has no arrays, or one that holds Python objects.
    """
    from numpy.lib import format as npy

    name, hint = Path(path).name, "numpy.savez(FILE, x=...) writes such files"
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                with archive.open(member) as file:
                    version = npy.read_magic(file)
                    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
                    _, _, dtype = read(file)
                if dtype.hasobject:
                    said = (
                        f"{member.removesuffix('.npy')} holds pickled Python objects, which are never loaded"
                    )
                    raise UsageError(f"--inputs {name}: {said}", "store arrays of numbers")
                if dtype.kind not in "biufc":
                    raise UsageError(
                        f"--inputs {name}: {member.removesuffix('.npy')} has no numbers but {dtype}"
                    )
            if not archive.namelist():
                raise UsageError(f"--inputs {name} has no arrays", hint)
            return [member.removesuffix(".npy") for member in archive.namelist()]
    except zipfile.BadZipFile as error:
        raise UsageError(f"--inputs {name} is no .npz file", hint) from error
    except (OSError, ValueError, EOFError) as error:
        raise UsageError(f"--inputs {name} cannot be read: {error}", hint) from error


def rows(path: str, batch_size: int) -> dict[str, torch.Tensor]:
    """The first `batch_size` rows of each array of a .npz file, as tensors by name.

    Nothing in the file is run: pickled objects are refused.

    Raises:
        UsageError: it cannot be read, has no arrays, or fewer rows than are asked for.
    """
    import numpy
    import torch

    name = Path(path).name
    try:
        with numpy.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except Exception as error:
        raise UsageError(f"--inputs {name}: {error}", "numpy.savez(FILE, x=...) writes such files") from error
    if not arrays:
        raise UsageError(f"--inputs {name} has no arrays")
    found = {}
    for key, array in arrays.items():
        if array.ndim == 0 or len(array) < batch_size:
            have = "is a single number" if array.ndim == 0 else f"has {len(array)} rows"
            raise UsageError(
                f"--inputs {name}: {key} {have}, and batch {batch_size} needs {batch_size}",
                "the first axis is the batch: give smaller batch sizes, or more rows",
            )
        found[key] = torch.from_numpy(numpy.ascontiguousarray(array[:batch_size]))
    return found

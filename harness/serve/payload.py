"""Real inputs from a request: nested lists, npy or npz bytes to one checked tensor for each field.

Nothing that a stranger sends is executed (pickled objects are refused), and nothing is allocated from a
size that a header merely claims.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

from harness.serve.problems import Problem, wrong
from harness.serve.template import Field, Template

if TYPE_CHECKING:
    import numpy
    import torch

NPY_MAGIC, ZIP_MAGIC = b"\x93NUMPY", b"PK\x03\x04"


def from_lists(value: Any, template: Template) -> dict[str, numpy.ndarray[Any, Any]]:
    """Arrays by field from the JSON value of `inputs`: nested lists, or an object of such lists.

    Raises:
        Problem: it is no rectangular array of numbers, or has a name the model does not know.
    """
    named = value if isinstance(value, dict) else {_only(template): value}
    return {name: _array(name, part, template) for name, part in named.items()}


def from_bytes(data: bytes, template: Template, most: int) -> dict[str, numpy.ndarray[Any, Any]]:
    """Arrays by field from an npy file, or from the npz file of several.

    Raises:
        Problem: the bytes are neither, or hold what is no array of numbers.
    """
    if data.startswith(ZIP_MAGIC):
        return _unzipped(data, template, most)
    if data.startswith(NPY_MAGIC):
        name = _only(template)
        return {name: _npy(data, _place(name))}
    raise wrong("body", "the body is neither an npy nor an npz file")


def checked(
    arrays: dict[str, numpy.ndarray[Any, Any]], template: Template, max_batch: int
) -> tuple[list[torch.Tensor], int]:
    """One tensor for each field, in order and in the model's types, and the batch size they agree on.

    Raises:
        Problem: a name, shape, type or the batch size is not what the model takes.
    """
    known = [f.name for f in template.fields]
    for name in arrays:
        if name not in known:
            raise wrong(_place(name), f"the model has no such input; it has {', '.join(known)}")
    tensors, sizes = [], {}
    for field in template.fields:
        place = _place(field.name)
        if field.name not in arrays:
            raise wrong(place, f"is missing; the model takes {field}")
        array = arrays[field.name]
        given = array.shape[1:] if field.batched else array.shape
        if (field.batched and array.ndim == 0) or tuple(given) != field.shape:
            raise wrong(place, f"has shape {tuple(array.shape)}; the model takes {field}")
        if field.batched:
            size = array.shape[0]
            if not 1 <= size <= max_batch:
                raise wrong(place, f"is a batch of {size}; this service takes 1 to {max_batch}")
            sizes[place] = size
        tensors.append(_tensor(array, field))
    if not sizes:
        return tensors, 1
    first, count = next(iter(sizes.items()))
    for place, size in sizes.items():
        if size != count:
            raise wrong(place, f"is a batch of {size}, and {first} one of {count}")
    return tensors, count


def _only(template: Template) -> str:
    """The name of the model's one input.

    Raises:
        Problem: it has several, so they must be named.
    """
    names = [f.name for f in template.fields]
    if len(names) != 1:
        raise wrong("inputs", f"the model has {len(names)} inputs; name each: {', '.join(names)}")
    return names[0]


def _place(name: str) -> str:
    """The field as messages name it; an input may be called anything, so it is cut short."""
    return f"inputs.{name[:64]}"


def _array(name: str, value: Any, template: Template) -> numpy.ndarray[Any, Any]:
    import numpy

    place = _place(name)
    if not isinstance(value, list):
        single = [f for f in template.fields if f.name == name and not f.batched and not f.shape]
        if not single or isinstance(value, (dict, str)) or value is None:
            raise wrong(place, "must be nested lists of numbers")
    try:
        array = numpy.asarray(value)
    except (ValueError, OverflowError, TypeError) as error:
        raise wrong(place, "the nested lists are not rectangular, or nested too deep") from error
    if array.size == 0 and array.dtype.kind == "f":
        # No numbers, no type: the shape is what will be refused.
        return array
    return _numbers(array, place)


def _numbers(array: numpy.ndarray[Any, Any], place: str) -> numpy.ndarray[Any, Any]:
    if array.dtype.kind not in "fiubc":
        raise wrong(place, "must hold numbers that fit 64 bits, and nothing else")
    return array


def _npy(data: bytes, place: str) -> numpy.ndarray[Any, Any]:
    import numpy
    from numpy.lib import format as npy

    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            shape, fortran, dtype = npy.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, fortran, dtype = npy.read_array_header_2_0(stream)
        else:
            raise ValueError(f"version {version} of the format")
    except Exception as error:  # the header is parsed as Python literals: much can go wrong
        raise wrong(place, f"its npy header cannot be read: {type(error).__name__}") from error
    if dtype.hasobject or dtype.kind not in "fiubc":
        raise wrong(place, f"must hold numbers, not {dtype.kind!r} data")
    start, count = stream.tell(), math.prod(shape)
    if any(n < 0 for n in shape) or len(data) - start != count * dtype.itemsize:
        raise wrong(
            place, f"its header promises {count * dtype.itemsize} bytes, there are {len(data) - start}"
        )
    try:
        flat = numpy.frombuffer(data, dtype, count, start)
        return flat.reshape(shape, order="F" if fortran else "C")
    except ValueError as error:
        raise wrong(place, f"its shape cannot be: {error}") from error


def _unzipped(data: bytes, template: Template, most: int) -> dict[str, numpy.ndarray[Any, Any]]:
    known = [f.name for f in template.fields]
    found: dict[str, numpy.ndarray[Any, Any]] = {}
    left = most
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                name = info.filename.removesuffix(".npy")
                if name not in known or name in found:
                    raise wrong(_place(name), f"the model has no such input; it has {', '.join(known)}")
                with archive.open(info) as member:
                    # As much as may be, whatever the archive says of its size: it may be a bomb.
                    content = member.read(left + 1)
                if len(content) > left:
                    raise Problem(413, f"unpacked, the body is larger than {most} bytes", "body")
                left -= len(content)
                if not content.startswith(NPY_MAGIC):
                    raise wrong(_place(name), "is no npy file")
                found[name] = _npy(content, _place(name))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise wrong("body", f"the npz file cannot be read: {type(error).__name__}") from error
    return found


def _tensor(array: numpy.ndarray[Any, Any], field: Field) -> torch.Tensor:
    """The array in the model's own type, where no number has to be bent for it.

    Raises:
        Problem: fractions for whole numbers, numbers for truth values, or whole numbers too large.
    """
    import numpy
    import torch

    kind, target, place = array.dtype.kind, field.dtype, _place(field.name)
    if target.is_complex:
        allowed, word = "fiubc", "numbers"
    elif target.is_floating_point:
        allowed, word = "fiub", "real numbers"
    elif target == torch.bool:
        allowed, word = "b", "true and false"
    else:
        allowed, word = "iu", "whole numbers"
    if kind not in allowed:
        raise wrong(place, f"must hold {word}; the model takes {field}")
    if target.is_complex:
        wide = array.astype(numpy.complex128)
    elif target.is_floating_point:
        with numpy.errstate(all="ignore"):  # too large for the type is Inf, as torch has it
            wide = array.astype(numpy.float64 if target == torch.float64 else numpy.float32)
    elif target == torch.bool:
        wide = array.astype(numpy.bool_)
    else:
        limits = torch.iinfo(target)
        if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
            raise wrong(place, f"holds numbers that {str(target).removeprefix('torch.')} does not reach")
        wide = array.astype(numpy.int64)
    return torch.from_numpy(numpy.ascontiguousarray(wide)).to(target)

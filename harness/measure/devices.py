"""Devices as torch sees them: which there are, what they do natively, how to wait for them."""

from __future__ import annotations

import re
from collections.abc import Callable

from harness import machine
from harness.components import Device
from harness.errors import Unsupported, UsageError

TF32 = "tf32"
"""A feature of the hardware: float32 products on tensor cores, with 10 bits of mantissa."""
_TEXT = re.compile(r"([a-z]+)(?::(\d+))?")


def default() -> str:
    """The GPU if there is one, else the CPU."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def resolve(text: str) -> Device:
    """The device a text names, with its features.

    Raises:
        UsageError: the text is no device name.
        Unsupported: there is no such device here.
    """
    import torch

    match = _TEXT.fullmatch(text.strip().lower())
    if not match:
        raise UsageError(f"{text!r} is no device", "devices are cpu, cuda, cuda:1, ...")
    kind, index = match[1], int(match[2] or 0)
    if kind == "cpu":
        if index:
            raise UsageError(f"{text!r} is no device", "there is one cpu; --threads says how much of it")
        return Device("cpu", 0, frozenset(_cpu_features()), machine.cpu_name())
    try:
        torch.device(kind)
    except RuntimeError as error:
        raise UsageError(f"{text!r} is no device", "devices are cpu, cuda, cuda:1, ...") from error
    if kind != "cuda":
        raise Unsupported(f"device {kind} is not measured yet; cpu and cuda are")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index >= count:
        there = f"{count} CUDA device{'s' * (count != 1)}" if count else "no CUDA device"
        raise Unsupported(f"torch {torch.__version__} finds {there} here: try -d cpu")
    major, minor = torch.cuda.get_device_capability(index)
    features = {f"sm_{major}{minor}"}
    if major >= 8:
        features |= {TF32, "bfloat16"}
    if (major, minor) >= (5, 3):
        features.add("float16")
    return Device("cuda", index, frozenset(features), torch.cuda.get_device_name(index))


def _cpu_features() -> list[str]:
    """Names of what the processor can do, in torch's words (avx512_bf16, amx_bf16, ...)."""
    import torch

    ask = getattr(torch.cpu, "get_capabilities", None)
    if ask is not None:
        return sorted(name for name, there in ask().items() if there is True)
    try:
        with open("/proc/cpuinfo") as file:
            flags = next((x for x in file if x.startswith(("flags", "Features"))), "")
    except OSError:
        return []
    return sorted(flags.partition(":")[2].split())


def synchroniser(device: Device) -> Callable[[], None] | None:
    """What waits until the device has finished; None where calls return finished."""
    if device.type == "cpu":
        return None
    import torch

    if device.type == "cuda":
        index = device.index
        return lambda: torch.cuda.synchronize(index)
    return torch.accelerator.synchronize


def torch_device(device: Device) -> str:
    """The device in torch's notation."""
    return "cpu" if device.type == "cpu" else f"{device.type}:{device.index}"

"""The process-wide state of torch and of the process that a plugin must leave as it found it."""

from __future__ import annotations

import gc
import inspect
import os
import signal
from typing import Any

from harness import machine
from harness.measure import state


def snapshot() -> dict[str, Any]:
    """What is in force now, by names that a plugin's author knows."""
    import torch

    found: dict[str, Any] = {
        "the default dtype": torch.get_default_dtype(),
        "the default device": str(torch.get_default_device()),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "the number of threads": torch.get_num_threads(),
        "deterministic algorithms": torch.are_deterministic_algorithms_enabled(),
        "warnings instead of deterministic algorithms": torch.is_deterministic_algorithms_warn_only_enabled(),
        "anomaly detection": torch.is_anomaly_enabled(),
        "autocast on cpu": torch.is_autocast_enabled("cpu"),
        "autocast on cuda": torch.is_autocast_enabled("cuda"),
        "the autocast dtype on cpu": torch.get_autocast_dtype("cpu"),
        "cudnn.enabled": torch.backends.cudnn.enabled,
        "cudnn.benchmark": torch.backends.cudnn.benchmark,
        "cudnn.deterministic": torch.backends.cudnn.deterministic,
        "mkldnn.enabled": torch.backends.mkldnn.enabled,
        "the working directory": os.getcwd(),
        "flushing of subnormal numbers": state.flushes(),
        "the garbage collector": gc.isenabled(),
        "what SIGTERM does": str(signal.getsignal(signal.SIGTERM)),
        "the processors it may use": sorted(machine.affinity()),
    }
    for name, mode in state.float32_modes().items():
        found[f"the float32 mode of {name}"] = mode
    return found


def functions() -> dict[str, Any]:
    """Public functions and methods of torch, each with its identity: another one is a patch, unless torch
    itself wraps its own (it does so when dynamo is imported).
    """
    import torch

    places = {
        "torch": torch,
        "torch.nn.functional": torch.nn.functional,
        "torch.Tensor": torch.Tensor,
        "torch.nn.Module": torch.nn.Module,
        "torch.nn.Linear": torch.nn.Linear,
        "torch.nn.Conv2d": torch.nn.Conv2d,
        "torch.nn.LayerNorm": torch.nn.LayerNorm,
    }
    return {
        f"{place}.{name}": value
        for place, owner in places.items()
        for name, value in vars(owner).items()
        if callable(value) and not name.startswith("__")
    }


def changes(before: dict[str, Any], after: dict[str, Any], without: tuple[str, ...] = ()) -> list[str]:
    """Every difference in words, what is in `without` left out."""
    return [
        f"{name} changed from {old} to {after[name]}"
        for name, old in before.items()
        if name not in without and after.get(name) != old
    ]


def patched(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Names of functions that are others now, or gone."""
    return [n for n, old in before.items() if after.get(n) is not old and not _is_torchs(after.get(n), old)]


def _is_torchs(function: Any, old: Any) -> bool:
    """Whether a function is torch's own wrapper of what it was."""
    import torch

    code = getattr(function, "__code__", None)
    home = os.path.dirname(torch.__file__)
    return code is not None and code.co_filename.startswith(home) and inspect.unwrap(function) is old


class Watch:
    """The state at one moment, to be compared with that of a later one."""

    def __init__(self) -> None:
        self._state = snapshot()
        self._functions = functions()

    def changes(self, without: tuple[str, ...] = ()) -> list[str]:
        """What has changed since, in words; the state is put back to what it was as far as it matters."""
        import torch

        found = changes(self._state, snapshot(), without)
        torch.set_default_dtype(self._state["the default dtype"])
        torch.set_num_threads(self._state["the number of threads"])
        names = patched(self._functions, functions())
        return [*found, *(f"{name} was replaced" for name in names[:3])]

"""Describes the machine, with torch or without, and the loaded plugins."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib import metadata

from harness import machine
from harness.catalogue import Loaded
from harness.components import Device
from harness.hookspecs import CATALOGUE_HOOKS, LIFECYCLE_HOOKS
from harness.records.case import Environment, PluginInfo

_TELLING = ("avx2", "avx512_f", "avx512_bf16", "avx512_vnni", "avx512_fp16", "amx_bf16", "amx_int8")
"""Features of a processor that decide what a reduced precision costs."""


def describe_machine(device: Device | None) -> Environment:
    """The environment of a run whose cases use `device`."""
    import torch

    on_cuda = device is not None and device.type == "cuda"
    features = device.features if device is not None and device.type == "cpu" else frozenset()
    return replace(
        without_torch(),
        torch=str(torch.__version__),
        cuda=torch.version.cuda,
        device_name=device.name if on_cuda and device is not None else None,
        driver=_driver() if on_cuda else None,
        cpu_capability=torch.backends.cpu.get_cpu_capability(),
        cpu_features=[f for f in _TELLING if f in features],
    )


def without_torch() -> Environment:
    """What can be said of the machine and its software without loading torch."""
    cpus = machine.affinity()
    packages = machine.versions()
    return Environment(
        host=machine.host(),
        os=machine.os_name(),
        kernel=platform.release(),
        python=platform.python_version(),
        cpu=machine.cpu_name(),
        architecture=platform.machine(),
        cores_physical=machine.physical_cores(cpus),
        cores_logical=len(cpus),
        cores_usable=machine.usable_cores(),
        memory_mib=machine.memory_mib(),
        torch=packages.get("torch"),
        packages=packages,
        virtual=machine.is_virtual(),
    )


def _driver() -> str | None:
    """The NVIDIA driver's version, from the kernel module's own file."""
    try:
        with open("/proc/driver/nvidia/version") as file:
            words = file.readline().split()
    except OSError:
        return None
    return next((w for w in words if w.count(".") >= 1 and w[0].isdigit()), None)


def plugin_infos(loaded: Loaded) -> list[PluginInfo]:
    """Every loaded plugin with the hooks it implements; built-ins under the harness's own version."""
    infos = []
    own = metadata.version("pytorch-inference-lab")
    hooks = [*CATALOGUE_HOOKS.values(), *LIFECYCLE_HOOKS]
    for origin in loaded.plugins():
        plugin = loaded.manager.get_plugin(origin.source)
        callers = loaded.manager.get_hookcallers(plugin) or []
        implemented = {c.name for c in callers}
        builtin = origin.source.startswith("builtin:")
        infos.append(
            PluginInfo(
                name=origin.plugin,
                source=origin.source,
                distribution="pytorch-inference-lab" if builtin else origin.distribution,
                version=own if builtin else origin.version,
                digest=origin.digest,
                hooks=[h for h in hooks if h in implemented],
            )
        )
    return infos

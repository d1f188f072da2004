"""Floating-point precisions, and what each device makes of them."""

from __future__ import annotations

import harness


class Fp32(harness.Precision):
    """Full single precision: the core has turned TF32 and its like off everywhere."""

    name = "fp32"
    summary = "full single precision; TF32 off for matrix products and convolutions"
    tolerance = 1e-4


class Tf32(harness.Precision):
    """Single precision storage, products with 10-bit mantissas on tensor cores."""

    name = "tf32"
    summary = "float32 with TF32 matrix products and convolutions (NVIDIA Ampere and later)"
    tolerance = 2e-3

    def supports(self, device: harness.Device) -> str | None:
        if device.type != "cuda":
            return f"TF32 is a mode of NVIDIA tensor cores, {device.type} has none: try -p fp32"
        if "tf32" not in device.features:
            return f"{device.name} has no TF32 (it came with Ampere): try -p fp32"
        return None

    def configure(self, device: harness.Device) -> None:
        from harness.measure.state import allow_tf32

        allow_tf32()


class _Half(harness.Precision):
    """What the two 16-bit formats share: which devices compute in them and which imitate it."""

    native_cpu: tuple[str, ...] = ()
    """Any of these features of a CPU means arithmetic in this format."""

    def supports(self, device: harness.Device) -> str | None:
        if device.type == "cuda" and self.dtype not in device.features:
            return f"{device.name} has no {self.dtype} arithmetic: try -p fp32"
        return None

    def emulated(self, device: harness.Device) -> str | None:
        if device.type != "cpu" or device.features & set(self.native_cpu):
            return None
        return f"this CPU has no {self.dtype} arithmetic and converts around every operation"


class _Fp16(_Half):
    dtype = "float16"
    tolerance = 5e-3
    native_cpu = ("avx512_fp16", "amx_fp16", "avx10_1", "fphp")


class _Bf16(_Half):
    dtype = "bfloat16"
    tolerance = 2e-2
    native_cpu = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16")


class Fp16Amp(_Fp16):
    name = "fp16-amp"
    aliases = ("fp16",)
    summary = "torch.autocast to float16; weights stay float32 and are cast in every call"
    how = "autocast"


class Bf16Amp(_Bf16):
    name = "bf16-amp"
    aliases = ("bf16",)
    summary = "torch.autocast to bfloat16; weights stay float32 and are cast in every call"
    how = "autocast"


class Fp16True(_Fp16):
    name = "fp16-true"
    summary = "weights and inputs in float16: half the memory"
    how = "cast"


class Bf16True(_Bf16):
    name = "bf16-true"
    summary = "weights and inputs in bfloat16: half the memory"
    how = "cast"

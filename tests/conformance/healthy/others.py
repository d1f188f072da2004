"""A precision, a reporter and listeners that are unusual and right; nothing here imports torch at its top."""

import sys

import harness
from harness.report.numbers import safe


class Rounded(harness.Precision):
    name = "bf16-weights"
    summary = "weights rounded to bfloat16 and kept in float32"
    how = "quantised"
    dtype = "bfloat16"
    tolerance = 2e-2

    def prepare(self, module, example):
        import torch

        with torch.no_grad():
            for weight in module.parameters():
                weight.copy_(weight.bfloat16().float())
        return module


class Double(harness.Precision):
    name = "fp64-true"
    summary = "weights and inputs in float64"
    how = "cast"
    dtype = "float64"
    tolerance = 1e-9


class Lines(harness.Reporter):
    name = "lines"
    summary = "one case a line, as bytes; a terminal gets it cut to its width"
    extension = ".txt"

    def render(self, report):
        return "".join(f"{line}\n" for line in self.lines(report)).encode()

    def display(self, report, width, colour):
        cut = [line[:width] for line in self.lines(report)]
        return "".join(f"\x1b[1m{line}\x1b[0m\n" if colour else f"{line}\n" for line in cut)

    def lines(self, report):
        return [safe(f"{r.id} {r.status} {r.label['model']}: {r.reason or 'fine'}") for r in report.records]


class Pickled(harness.Reporter):
    name = "packed"
    summary = "bytes that are no text"

    def render(self, report):
        import zlib

        return zlib.compress("".join(r.id for r in report.records).encode())


@harness.hookimpl
def harness_precisions():
    return [Rounded(), Double()]


@harness.hookimpl
def harness_reporters():
    return [Lines(), Pickled()]


@harness.hookimpl
def harness_case_finished(record):
    print("finished", record.id, record.latency_ms and record.latency_ms.median, file=sys.stderr)


@harness.hookimpl
def harness_run_finished():
    print("over", file=sys.stderr)

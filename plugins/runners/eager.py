"""PyTorch as it is: one kernel after another, dispatched from Python."""

from __future__ import annotations

import harness


class Eager(harness.Runner):
    name = "eager"
    summary = "PyTorch as it is, operator by operator"
    concurrent = True
    ready_estimate_s = 0.1

    def load(self, work: harness.Work) -> harness.Session:
        return harness.TorchSession(work, work.module)

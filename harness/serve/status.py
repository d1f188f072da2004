"""The routes that look at the service: /health, /metrics and /benchmark/quick."""

from __future__ import annotations

import time

import msgspec
from fastapi import Response

from harness.measure.tracker import MIB, HostMemory
from harness.serve import quick
from harness.serve.gate import Closed, Full
from harness.serve.metrics import CONTENT_TYPE, Metrics
from harness.serve.model import Service
from harness.serve.problems import Problem, busy
from harness.serve.settings import ServeSettings


class Status:
    """What these routes share."""

    def __init__(self, settings: ServeSettings, service: Service, metrics: Metrics) -> None:
        self._settings = settings
        self._gate = service.gate
        self._model = service.model
        self._metrics = metrics
        self._started = time.monotonic()
        self._measuring = False

    # -- /health and /metrics ---------------------------------------------------------------------

    async def health(self) -> Response:
        """Whether the service answers, with what it serves and how busy it is."""
        import torch

        model, case = self._model, self._model.planned
        found, own = model.own.verification, model.own
        host = HostMemory().read().get("VmRSS")
        on_cuda = model.device.type == "cuda"
        index = model.device.index
        body = {
            "status": "broken" if model.broken else "ok",
            "device": str(model.device),
            "cuda_available": torch.cuda.is_available(),
            "memory": {
                "host_mib": None if host is None else host / MIB,
                "allocated_mib": torch.cuda.memory_allocated(index) / MIB if on_cuda else None,
                "reserved_mib": torch.cuda.memory_reserved(index) / MIB if on_cuda else None,
            },
            "model": case.label["model"],
            "runner": case.label["runner"],
            "precision": own.precision,
            "threads": case.case.threads,
            "inputs": [
                {
                    "name": f.name,
                    "shape": [*(["batch"] if f.batched else []), *f.shape],
                    "dtype": str(f.dtype).removeprefix("torch."),
                }
                for f in model.template.fields
            ],
            "batch": {
                "max": self._settings.max_batch,
                "sessions": sorted(own.cases) if own.fixed else "any",
            },
            "verification": None
            if found is None
            else {
                "passed": found.passed,
                "error": found.error,
                "tolerance": found.tolerance,
                "reference": found.reference,
            },
            "queue": {
                "waiting": self._gate.waiting,
                "limit": self._gate.limit,
                "running_s": self._gate.running_s,
            },
            "uptime_s": time.monotonic() - self._started,
        }
        return Response(msgspec.json.encode(body), 503 if model.broken else 200, None, "application/json")

    async def metrics(self) -> Response:
        """Counters for Prometheus."""
        return Response(self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})

    # -- /benchmark/quick -------------------------------------------------------------------------

    async def benchmark(self) -> Response:
        """Batch sizes 1, 16 and 64 in the serving process. Every other request waits meanwhile."""
        if self._measuring:
            raise Problem(503, "a benchmark is running already", retry_after_s=5)
        self._measuring = True
        try:
            with self._gate.admitted():
                found = await self._gate.run(lambda: quick.measure(self._model))
        except (Full, Closed) as error:
            raise busy(error) from None
        finally:
            self._measuring = False
        return Response(msgspec.json.encode(found.body()), media_type="application/json")

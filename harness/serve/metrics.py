"""What Prometheus is told. One registry for each application, so that two in a process do not mix."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counters of one application; `waiting` is asked at every scrape."""

    def __init__(self, waiting: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "harness_serve_requests", "Answered requests.", ("route", "code"), registry=self.registry
        )
        self.seconds = Histogram(
            "harness_serve_request_seconds",
            "From a request's first byte to its answer's last.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.inference = Histogram(
            "harness_serve_inference_seconds",
            "The model's calls alone.",
            ("precision",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.samples = Counter(
            "harness_serve_samples", "Samples through the model.", ("precision",), registry=self.registry
        )
        depth = Gauge(
            "harness_serve_queue_depth",
            "Admitted requests the model is not working on.",
            registry=self.registry,
        )
        depth.set_function(waiting)

    def inferred(self, precision: str, seconds: float, samples: int) -> None:
        """Counts one call of the model."""
        self.inference.labels(precision).observe(seconds)
        self.samples.labels(precision).inc(samples)

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self.registry)

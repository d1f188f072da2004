"""The public report as JSON."""

from __future__ import annotations

import harness
from harness.records import codec


class Json(harness.Reporter):
    name = "json"
    summary = "the whole report in its public, versioned format (docs/report.schema.json)"
    extension = ".json"
    one_document = True

    def render(self, report: harness.Report) -> str:
        return codec.pretty(report)

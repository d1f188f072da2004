"""Reporters that break one rule each."""

import csv
import io
import os

import harness
from harness.report.numbers import safe


class Base(harness.Reporter):
    summary = "one case a line, and one thing wrong with it"
    extension = ".txt"

    def line(self, record):
        return safe(f"{record.status} {record.id} {record.label['model']}")

    def records(self, report):
        return report.records

    def render(self, report):
        return "".join(f"{self.line(r)}\n" for r in self.records(report))


class DropsFailed(Base):
    name = "drops-failed"

    def records(self, report):
        return [r for r in report.records if r.status == "ok"]


class Random(Base):
    name = "random"

    def render(self, report):
        return super().render(report) + os.urandom(4).hex()


class Unordered(Base):
    name = "unordered"

    def records(self, report):
        lines = {self.line(r): r for r in report.records}
        return [lines[text] for text in set(lines)]


class Raw(Base):
    name = "raw"

    def line(self, record):
        return f"{record.status} {record.id} {record.label['model']}"


class Coloured(Base):
    name = "coloured"

    def line(self, record):
        return f"\x1b[32m{super().line(record)}\x1b[0m"

    def display(self, report, width, colour):
        return "fine\n"


class RawDisplay(Base):
    name = "raw-display"

    def display(self, report, width, colour):
        return "".join(f"{r.label['model'][:20]}\n" for r in report.records)


class Formulas(Base):
    name = "formulas"
    extension = ".csv"

    def render(self, report):
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerows([r.id, safe(r.label["model"])] for r in report.records)
        return out.getvalue()


class Pipes(Base):
    name = "pipes"
    extension = ".md"

    def render(self, report):
        rows = [f"| {r.id} | {safe(r.label['model']).replace('<', '')} |" for r in report.records]
        return "\n".join(["| id | model |", "|---|---|", *rows]) + "\n"


class Sorts(Base):
    name = "sorts"

    def records(self, report):
        report.records.sort(key=lambda r: r.id)
        return report.records


class Expects(Base):
    name = "expects"

    def line(self, record):
        return f"{super().line(record)} {record.latency_ms.median}"


class Nothing(Base):
    name = "nothing"

    def render(self, report):
        return None


class Wide(Base):
    name = "wide"

    def display(self, report, width, colour):
        return "x" * (width + 1)


class DisplayFails(Base):
    name = "display-fails"

    def display(self, report, width, colour):
        return "x" * (width // (0 if colour else 1))


class NoDot(Base):
    name = "no-dot"
    extension = "txt"


@harness.hookimpl
def harness_reporters():
    for one in Base.__subclasses__():
        yield one()

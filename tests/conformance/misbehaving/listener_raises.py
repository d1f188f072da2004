"""Listens, and forgets that a failed case has no latency."""

import sys

import harness


@harness.hookimpl
def harness_case_finished(record):
    print(record.latency_ms.median, file=sys.stderr)

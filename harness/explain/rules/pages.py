"""What page faults cost a call: pages that the kernel takes, clears and maps in it."""

from __future__ import annotations

from harness.explain.scene import Row

FAULT_US = 0.2
"""What a page fault costs at least: the kernel takes the page, clears its 4 KiB and maps it."""
MOST_FAULT_US = 1.5
"""What a ceiling measured beside a neighbour may claim; what is held against somebody is no more."""
PAGE = 4096


def faults_of(row: Row) -> float | None:
    """In one call: those of the timed calls, since an allocator gives memory back or keeps it by what its
    process did before. None where they are not counted, or cost nothing that is known.
    """
    record, anatomy = row.record, row.anatomy
    if record.case.device != "cpu" or record.page_faults is not None:
        return record.page_faults if record.case.device == "cpu" else None
    return anatomy.page_faults if anatomy is not None else None


def least_us(row: Row) -> float:
    """What one costs at least, of a call whose threads all take theirs at once."""
    measured = row.ceilings.fault_us if row.ceilings else None
    return min(measured or FAULT_US, MOST_FAULT_US) / max(1, row.record.case.threads)


def likely_ms(row: Row) -> float:
    """What those of a call probably cost, by the ceiling as it was measured: never more than the call."""
    measured = row.ceilings.fault_us if row.ceilings else None
    each_us = (measured or FAULT_US) / max(1, row.record.case.threads)
    return min(row.ms, (faults_of(row) or 0.0) * each_us / 1e3)

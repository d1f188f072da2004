"""How quiet the machine was: from the audits of blocks to flags of a case and one line for a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.records.noise import BlockNoise, NoiseSummary

MOSTLY = 0.1
"""Up to this share of suspect blocks a machine was mostly quiet: now and then something runs on any."""


def summary(blocks: Iterable[BlockNoise]) -> NoiseSummary | None:
    """What the audits of some blocks say together; None where nothing was audited."""
    blocks = list(blocks)
    if not blocks:
        return None
    counts = Counter(flag for block in blocks for flag in dict.fromkeys(block.flags))
    ordered = sorted(counts, key=lambda flag: (-counts[flag], flag))
    suspect = sum(bool(block.flags) for block in blocks)
    return NoiseSummary(len(blocks), suspect, {flag: counts[flag] for flag in ordered})


def flags(blocks: Iterable[BlockNoise]) -> list[str]:
    """The channels that found any of these blocks suspect, the most frequent first."""
    found = summary(blocks)
    return list(found.flags) if found else []


def line(found: NoiseSummary) -> str:
    """`quiet`, `mostly quiet: 1 of 45 blocks suspect (canary)` or `noisy: 14 of 45 blocks suspect (...)`."""
    if not found.suspect:
        return "quiet"
    word = "mostly quiet" if found.suspect <= MOSTLY * found.blocks else "noisy"
    plural = "s" * (found.blocks != 1)
    return f"{word}: {found.suspect} of {found.blocks} block{plural} suspect ({', '.join(found.flags)})"

"""Why a row is faster than its baseline: the part that accounts for the gain, and what made it shorter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from harness.explain.rules.pages import PAGE, faults_of, likely_ms
from harness.explain.said import against, bytes_text, finding, ms_text, percent
from harness.explain.scene import MOSTLY, OUTSIDE, PART_WORDS, PRODUCTS, SMALL, Row
from harness.records.anatomy import COPY, GENERATED
from harness.records.finding import Finding

_LIMITED = 0.25
"""A baseline that reaches less of its format's rate than this was not limited by it."""
_BEYOND = 1.25
"""By so much more than the rates do the products' times differ, where more than the format counts."""

_FEWER = 1.3
"""From this ratio on it matters how many bytes are moved."""
_FAULTS = 0.15
"""Of a gain: page faults that are gone are told beside another cause from there on."""
_LOST = 0.25
"""Of what the products gain: what another part loses is told from there on."""


def faster(row: Row) -> Iterator[Finding]:
    base = row.baseline
    assert base is not None
    gained = row.gains
    total = base.ms - row.ms
    if not gained or total <= 0:
        return
    by_part = {
        "products": sum(gained.get(p, 0.0) for p in PRODUCTS),
        "small": sum(gained.get(p, 0.0) for p in (*SMALL, COPY)),
        OUTSIDE: gained.get(OUTSIDE, 0.0),
    }
    part = max(by_part, key=lambda p: by_part[p])
    share = by_part[part] / total
    if share < MOSTLY:
        both = by_part["small"] + by_part[OUTSIDE]
        if both / total < MOSTLY or row.same("runner"):
            return
        part, share = "small", both / total
    evidence: dict[str, object] = {
        "speedup": row.ratio,
        "gained_ms": total,
        "share_of_gain": min(1.0, share),
        "parts_ms": dict(sorted(row.parts.items(), key=lambda x: -x[1])),
        "baseline_parts_ms": dict(sorted(base.parts.items(), key=lambda x: -x[1])),
    }
    saved = likely_ms(base) - likely_ms(row)
    if saved >= MOSTLY * total:
        yield _kept_pages(row, saved, evidence)
        return
    for found in _of_part(row, part, share, evidence):
        # They are in the time of whatever wrote into the new pages.
        also = f"; about {ms_text(saved)} of it are page faults that it does not have"
        yield replace(found, cause=found.cause + (also if saved >= _FAULTS * total else ""))


def _of_part(row: Row, part: str, share: float, evidence: dict[str, object]) -> Iterator[Finding]:
    """The cause by the part of a call that became shorter."""
    base = row.baseline
    assert base is not None
    if part == "products" and not row.same("precision"):
        yield from _format(row, share, evidence)
    elif part == "products" and row.record.case.runner != base.record.case.runner:
        yield _products(row, share, evidence)
    elif not row.same("runner"):
        yield _fused(row, share, evidence)
    elif not row.same("precision"):
        yield from _bytes(row, share, evidence)


def _kept_pages(row: Row, saved: float, evidence: dict[str, object]) -> Finding:
    """The baseline's page faults are where the time went, whatever operator wrote into the new pages."""
    base = row.baseline
    assert base is not None
    mine, theirs = faults_of(row) or 0.0, faults_of(base) or 0.0
    how = ", since fused operators need no memory between them" if row.facts("generated_kernels") else ""
    return finding(
        "kept-pages",
        "gain",
        row,
        against(row),
        f"{base.words} has {theirs:.0f} page faults in each call ({bytes_text(theirs * PAGE)}) and this "
        f"{mine:.0f}{how}: about {ms_text(saved)} of the {ms_text(base.ms - row.ms)} that it gains; "
        f"{base.words} with an allocator that keeps its memory would show it",
        {**evidence, "page_faults": mine, "baseline_page_faults": theirs, "faults_saved_ms": saved},
    )


def _format(row: Row, share: float, evidence: dict[str, object]) -> Iterator[Finding]:
    """Products in another number format: half the bytes, or units made for it."""
    base = row.baseline
    assert base is not None
    if base.bound == "memory" or row.bound == "memory":
        yield from _bytes(row, share, evidence)
        return
    kernels = [k for k in row.anatomy.kernels if k.calls] if row.anatomy else []
    names = " and ".join(list(dict.fromkeys(f"{k.library}'s {k.name}" for k in kernels))[:2])
    mine, theirs = _rates(row)
    if names:
        evidence = {**evidence, "kernels": [k.name for k in kernels][:4]}
    reach = [one.place.arithmetic if one.place else None for one in (row, base)]
    evidence = {**evidence, "share_of_arithmetic": reach[0], "baseline_share_of_arithmetic": reach[1]}
    if reach[1] is not None and reach[1] < _LIMITED:
        yield _other_kernels(row, share, names or "other kernels", reach[1], evidence)
        return
    said = [f"they ran as {names}"] if names else []
    if mine and theirs and mine > 1.1 * theirs:
        said.append(f"large ones reach {mine / theirs:.1f} times the rate of the baseline's format here")
        products = [sum(one.parts.get(p, 0.0) for p in PRODUCTS) for one in (row, base)]
        if products[0] and products[1] / products[0] > _BEYOND * mine / theirs and _more(*reach):
            said.append(
                f"these shapes suit its kernels better ({percent(reach[0] or 0.0)} of that rate, the "
                f"baseline's {percent(reach[1] or 0.0)} of its own)"
            )
    if not names and not (mine and theirs and mine > theirs):
        return
    yield finding(
        "native-format",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in the matrix products, which the processor "
        f"does in this format: {', and '.join(said)}",
        {**evidence, "tflops": mine, "baseline_tflops": theirs},
    )


def _more(mine: float | None, theirs: float | None) -> bool:
    """Whether both are known, and a row reaches more of its format's rate than its baseline of its own."""
    return mine is not None and theirs is not None and mine > theirs


def _other_kernels(row: Row, share: float, names: str, reach: float, evidence: dict[str, object]) -> Finding:
    """Products that the format's rate did not limit before: the kernels made the difference."""
    base = row.baseline
    assert base is not None
    mine, theirs = (sum(one.parts.get(p, 0.0) for p in PRODUCTS) for one in (row, base))
    before = (
        list(dict.fromkeys(f"{k.library}'s {k.name}" for k in base.anatomy.kernels)) if base.anatomy else []
    )
    whose = " and ".join(before[:2]) or f"{base.words}'s kernels"
    return finding(
        "other-kernels",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in the matrix products: {ms_text(mine)} by {names}, "
        f"{ms_text(theirs)} by {whose}, at {percent(reach)} of what large products reach: it was the kernels "
        "for these shapes and not the arithmetic of the format that limited them"
        f"{_fewer_bytes(row)}{_given_back(row)}",
        {**evidence, "products_ms": mine, "baseline_products_ms": theirs},
    )


def _fewer_bytes(row: Row) -> str:
    """What a smaller format spares beside."""
    mine, theirs = row.demand, row.baseline.demand if row.baseline else None
    if mine is None or theirs is None or mine.stand_in or not mine.moved_bytes:
        return ""
    if theirs.moved_bytes < _FEWER * mine.moved_bytes:
        return ""
    return f"; it also moves {bytes_text(mine.moved_bytes)} and not {bytes_text(theirs.moved_bytes)}"


def _given_back(row: Row) -> str:
    """Where a good part of what the products gain is lost again."""
    mine, theirs = row.beside
    lost = {p: mine[p] - theirs.get(p, 0.0) for p in mine if p not in PRODUCTS}
    part = max(lost, key=lambda p: lost[p], default="")
    gained = sum(theirs.get(p, 0.0) - mine.get(p, 0.0) for p in PRODUCTS)
    if not part or lost[part] < _LOST * gained:
        return ""
    words = "generated code and small operators" if part == GENERATED else PART_WORDS.get(part, part)
    return f"; {percent(lost[part] / gained)} of that is lost again in its {words}"


def _bytes(row: Row, share: float, evidence: dict[str, object]) -> Iterator[Finding]:
    mine, theirs = row.demand, row.baseline.demand if row.baseline else None
    if mine is None or theirs is None or mine.stand_in or theirs.stand_in or not mine.moved_bytes:
        return
    ratio = theirs.moved_bytes / mine.moved_bytes
    if ratio < _FEWER:
        return
    yield finding(
        "half-the-bytes",
        "gain",
        row,
        against(row),
        f"it moves {bytes_text(mine.moved_bytes)} in a call and its baseline "
        f"{bytes_text(theirs.moved_bytes)}, and the "
        f"time went with them: {percent(min(1.0, share))} of the gain is where the bytes are moved",
        {**evidence, "moved_bytes": mine.moved_bytes, "baseline_moved_bytes": theirs.moved_bytes},
    )


def _rates(row: Row) -> tuple[float | None, float | None]:
    """TFLOP/s of large products in the formats of a row and of its baseline."""

    def rate(one: Row | None) -> float | None:
        if one is None or one.demand is None or one.ceilings is None or not one.demand.flops_by_format:
            return None
        if one.demand.stand_in:
            return None
        most = max(one.demand.flops_by_format, key=lambda f: one.demand.flops_by_format[f])  # type: ignore[union-attr]
        return one.ceilings.matmul_tflops.get(most)

    return rate(row), rate(row.baseline)


def _products(row: Row, share: float, evidence: dict[str, object]) -> Finding:
    """The same products, by other kernels."""
    facts = row.record.facts
    prepacked = facts.get("prepacking") in (True, "on", "enabled")
    fused = facts.get("fused") if isinstance(facts.get("fused"), dict) else None
    base = row.baseline
    assert base is not None
    mine = sum(row.parts.get(p, 0.0) for p in PRODUCTS)
    theirs = sum(base.parts.get(p, 0.0) for p in PRODUCTS)
    how = "with kernels of its own" + (", its weights laid out for them beforehand" if prepacked else "")
    return finding(
        "prepacked" if prepacked else "other-kernels",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in the matrix products: "
        f"{row.record.label['runner']} does them in {ms_text(mine)} "
        f"and {base.record.label['runner']} in {ms_text(theirs)}, {how}",
        {
            **evidence,
            "prepacking": prepacked or None,
            "fused": fused,
            "products_ms": mine,
            "baseline_products_ms": theirs,
        },
    )


def _fused(row: Row, share: float, evidence: dict[str, object]) -> Finding:
    """Fewer, larger pieces of code: less to start, less to move."""
    base = row.baseline
    assert base is not None
    facts = row.record.facts
    before = base.demand.operators if base.demand else None
    generated = row.facts("generated_kernels")
    fused = facts.get("fused") if isinstance(facts.get("fused"), dict) else None
    after = facts.get("operators_optimised")
    if generated:
        how = (
            f"{before} operators became {generated} generated kernel{'s' * (generated != 1)} beside the "
            "library's products"
        )
    elif fused:
        how = "fused into " + ", ".join(f"{n} {name}" for name, n in list(fused.items())[:3])
    else:
        now = (
            sum(after.values())
            if isinstance(after, dict)
            else row.anatomy.operator_calls
            if row.anatomy
            else None
        )
        how = f"{before} operators are {now:.0f} here" if now is not None else "fewer operators"
    saved = row.gains.get(OUTSIDE, 0.0)
    where_bytes = ""
    if base.bound == "memory" and base.demand and base.demand.moved_bytes > 1.5 * base.demand.least_bytes:
        where_bytes = (
            f"; one by one they move {bytes_text(base.demand.moved_bytes)}, fused as little as "
            f"{bytes_text(base.demand.least_bytes)}"
        )
    return finding(
        "fused",
        "gain",
        row,
        against(row),
        f"{percent(min(1.0, share))} of the gain is in what can be fused: {how}{where_bytes}",
        {
            **evidence,
            "baseline_operators": before,
            "generated_kernels": generated or None,
            "fused": fused,
            "saved_outside_ms": saved,
        },
    )

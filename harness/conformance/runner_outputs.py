"""Checks of what a session answers: to each input its own, rightly, in the precision that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.conformance.bench import Bench, built, reference_of
from harness.conformance.contract import Failed, NotApplicable, check
from harness.conformance.probes import RAISES
from harness.conformance.runners import LOADS
from harness.errors import Unsupported
from harness.measure.throughput import Subject, saturate
from harness.measure.verify import verify

if TYPE_CHECKING:
    import torch

ANSWERS = "runner.answers"
OUTPUT = "runner.output"
_CONCURRENT_S = 0.2


def right(bench: Bench, output: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    """Whether one call's output is that reference, within the case's tolerance."""
    planned = bench.planned
    found, _ = verify([output], [expected], planned.case.batch_size, planned.tolerance)
    return found is None or found.passed


@check(
    ANSWERS,
    "another answer to another input, at once",
    "compute anew at every call, and return what this call computed and not what the last one left",
    needs=(LOADS,),
    cases="first",
)
def answers(bench: Bench) -> str | None:
    import torch

    case = bench.case(sets=3)
    outputs = case.outputs([case.feeds[k] for k in (0, 1, 2, 0)])
    references = bench.references()[:3]
    same = [all(torch.equal(a, b) for a, b in zip(outputs[0], o, strict=True)) for o in outputs[1:3]]
    if all(same):
        raise Failed("the output of the first call for every input: its result is kept")
    late = [
        right(bench, outputs[k], references[k - 1]) and not right(bench, outputs[k], references[k])
        for k in (1, 2)
    ]
    if all(late):
        raise Failed("the output of the call before at each call: a buffer is returned before it is written")
    return None


@check(
    OUTPUT,
    "outputs within the precision's tolerance of the float64 reference",
    "hold its output against eager PyTorch on the same inputs: `harness infer -r NAME` shows the error",
    needs=(ANSWERS,),
    cases="each",
)
def output(bench: Bench) -> str | None:
    case = bench.case()
    found, warnings = case.verified(case.outputs(case.feeds))
    if found is not None and not found.passed:
        raise Failed(f"that {found.reason}")
    again, _ = case.verified(case.outputs(case.feeds[:3]))
    if again is not None and not again.passed:
        raise Failed(f"at the second call on the same inputs that {again.reason}")
    return "; ".join(warnings) or None


@check(
    "runner.precision",
    "arithmetic in the format that was asked for",
    "run in the case's precision, or raise harness.Unsupported: another format is another measurement",
    needs=(OUTPUT,),
    cases="each",
)
def precision(bench: Bench) -> str | None:
    import torch

    asked = bench.catalogue.get("precision", bench.planned.case.precision).component
    format_: Any = getattr(torch, asked.dtype, None)  # type: ignore[attr-defined]
    reduced = isinstance(format_, torch.dtype) and format_.is_floating_point and format_.itemsize < 4
    if asked.how not in ("cast", "autocast") or not reduced:  # type: ignore[attr-defined]
        raise NotApplicable("only formats of fewer bits than float32 leave a trace in the error")
    case = bench.case()
    found, _ = case.verified(case.outputs(case.feeds))
    # Rounding to so few bits cannot leave less than this.
    least = torch.finfo(format_).eps / 100
    if found is not None and found.error is not None and found.error < least:
        raise Failed(f"an error of {found.error:.1g}, less than {asked.dtype} can have")  # type: ignore[attr-defined]
    return None


@check(
    "runner.batch",
    "right outputs at another batch size from a session whose runner says that it takes any",
    'say batch = "fixed" in the runner, if a session takes the batch size of its case and no other',
    needs=(OUTPUT,),
    cases="first",
)
def batch(bench: Bench) -> str | None:
    if bench.component.batch == "fixed":
        raise NotApplicable("it says that a session takes the batch size of its case")
    other = bench.planned.case.batch_size + 2
    # Drawn before the runner has loaded: what it does to the process is another check's.
    before = bench.unloaded()
    raw = before.raw_inputs(0, other)
    expected = reference_of(before, raw)
    case = bench.case(sets=1)
    case.call(case.feeds[0])
    bench.stage(f"calling at batch {other}")
    try:
        (found,) = case.outputs([case.session.bind(case.work.ready_inputs(raw))])
    except Exception as error:
        raise Failed(f"{type(error).__name__} at batch {other}") from error
    verification, _ = verify([found], [expected], other, bench.planned.tolerance)
    if verification is not None and not verification.passed:
        raise Failed(f"at batch {other} that {verification.reason}")
    return None


@check(
    "runner.concurrent",
    "outputs of their own for callers that share a session, from a runner that says so",
    "keep what belongs to a call out of the session's attributes, or leave `concurrent` False",
    needs=(OUTPUT,),
    cases="first",
)
def concurrent(bench: Bench) -> str | None:
    if not bench.component.concurrent:
        raise NotApplicable("it does not say that several threads may call a session")
    if bench.planned.case.device != "cpu":
        raise NotApplicable("only sessions on the CPU are called by several threads")
    case = bench.case(sets=3)
    references = bench.references()[:3]
    leaves = case.session.leaves
    raws = [case.call(feed) for feed in case.feeds]
    for number, (raw, expected) in enumerate(zip(raws, references, strict=True)):
        if not right(bench, [t.detach().cpu() for t in leaves(raw)], expected):
            raise Failed(f"the output of call {number + 1} overwritten by a later call")
    bench.stage("calling from two threads")

    def copies(raw: object) -> list[torch.Tensor]:
        return [t.detach().to("cpu", copy=True) for t in leaves(raw)]

    run = saturate(Subject(case.session, case.feeds, copies, case.reset), 2, _CONCURRENT_S)
    for by_input in run.outputs:
        for number, made in by_input.items():
            if not right(bench, made, references[number]):
                raise Failed("another caller's output, or a mixture, where two threads call at once")
    return None


@check(
    "runner.refuses",
    "a right answer or a refusal for models that are hard to run",
    "raise harness.Unsupported in load() where a model cannot be taken over whole (a branch on data, say)",
    needs=(OUTPUT,),
    cases="probes",
)
def refuses(bench: Bench) -> str | None:
    model = bench.planned.case.model
    try:
        case = built(bench)
        outputs = case.outputs(case.feeds)
    except Unsupported:
        return None
    except Exception as error:
        return f"{model} ends with {type(error).__name__} instead of harness.Unsupported"
    found, _ = case.verified(outputs)
    if found is not None and not found.passed:
        raise Failed(f"on {model} ({_about(bench)}) that {found.reason}")
    return None


@check(
    "runner.errors",
    "an exception that says what happened, where the model itself raises one",
    "let exceptions of the model through, or raise one `from` them: a fall-back measures something else",
    needs=(OUTPUT,),
    cases="raising",
)
def errors(bench: Bench) -> str | None:
    try:
        case = built(bench)
        case.outputs(case.feeds[:1])
    except Unsupported:
        return None
    except Exception as error:
        return None if _names(error) else f"{type(error).__name__} does not say what the model said"
    raise Failed("an output of a model that raises whenever it is called")


def _about(bench: Bench) -> str:
    from harness.conformance.probes import harness_models

    return next(m.summary for m in harness_models() if m.name == bench.planned.case.model)


def _names(error: BaseException) -> bool:
    """Whether the error, or one that it came from, has the model's own words."""
    seen: BaseException | None = error
    while seen is not None:
        if RAISES in str(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False

"""Whatever a plugin does wrong is found by the check that is there for it, and by no other."""

import time

import pytest

from harness.conformance.table import CHECKS
from harness.machine import usable_cores
from harness.measure.devices import resolve

MODELS = "misbehaving/models.py"
PRECISIONS = "misbehaving/precisions.py"
RUNNERS = "misbehaving/runners.py"
REPORTERS = "misbehaving/reporters.py"
ONE_THREAD = "runner one-thread"

QUICK = [
    (MODELS, "model fixed-batch", "model.inputs-batch", "inputs of the same size at batch 1, 2, 3, 8"),
    (MODELS, "model clock-inputs", "model.inputs-seeded", "other inputs in another process"),
    (MODELS, "model cached", "model.fresh", "the same object twice"),
    (MODELS, "model hashed-weights", "model.weights-seeded", "other weights in another process"),
    (MODELS, "model own-seed", "model.weights-vary", "the same weights under seed 0 and seed 1"),
    (MODELS, "model training", "model.repeatable", "at call 2"),
    (MODELS, "model no-items", "model.items", "found 0 at batch 1"),
    (MODELS, "model no-reset", "model.reset", "from a fresh module's"),
    (
        MODELS,
        "model default-dtype",
        "model.state",
        "default dtype changed from torch.float32 to torch.float64",
    ),
    (MODELS, "model double-by-default", "model.state", "after building that the default dtype changed"),
    (MODELS, "model keeps-first", "model.answers", "the answer to the first input for the second one"),
    (MODELS, "model one-choice", "model.params", "(model.calls at kind=wide)"),
    (MODELS, "model thawed", "component.params", "must be a frozen dataclass"),
    (MODELS, "model demanding", "component.params", "Params.width has no default"),
    (PRECISIONS, "precision loose", "precision.tolerance", "takes one wrong sample in sixteen"),
    (PRECISIONS, "precision flushes", "precision.state", "flushing of subnormal numbers changed"),
    (PRECISIONS, "precision in-name", "precision.error", "int8 perhaps in name only"),
    (PRECISIONS, "precision casts-nothing", "precision.how", "in float32 instead of bfloat16"),
    (RUNNERS, "runner one-percent", "runner.output", "is above the limit 0.0001"),
    (RUNNERS, "runner caches", "runner.answers", "the output of the first call for every input"),
    (RUNNERS, "runner stale", "runner.answers", "the output of the call before"),
    (RUNNERS, "runner remembers", "runner.work", "ms for the same inputs again"),
    (RUNNERS, "runner keeps-modules", "runner.leaks", "8 of 8 modules still alive"),
    (RUNNERS, "runner widens", "runner.arithmetic", "where bfloat16 leaves"),
    (RUNNERS, "runner one-thread", "runner.threads", "torch with 1 threads where work.threads is 2"),
    (RUNNERS, "runner odd-facts", "runner.facts", "dtype at facts()['dtype']"),
    (RUNNERS, "runner counts-calls", "runner.events", "20 more after 20 calls"),
    (RUNNERS, "runner says-true", "runner.supports", "found True for mlp in fp32"),
    (RUNNERS, "runner exits", "runner.loads", "its process ended itself with code 7 while loading"),
    (RUNNERS, "runner segfault", "runner.loads", "killed by SIGSEGV (segmentation fault) while calling"),
    (RUNNERS, "runner eats-memory", "runner.loads", "can't allocate memory"),
    (REPORTERS, "reporter drops-failed", "reporter.complete", "8 of 10 missing (incorrect, crashed"),
    (REPORTERS, "reporter random", "reporter.repeatable", "another output at the second time"),
    ("misbehaving/torch_at_the_top.py", "plugin torch_at_the_top.py", "plugin.import-light", "found torch"),
    ("misbehaving/sets_modes.py", "plugin sets_modes.py", "plugin.import-state", "grad mode changed"),
    ("misbehaving/does_not_import.py", "plugin does_not_import.py", "plugin.loads", "no_such_library"),
    ("misbehaving/listener_raises.py", "plugin listener_raises.py", "listener.accepts", "'median'"),
]
"""(file, component, check, words of its reason) for every `make test`."""

SLOW = [
    (RUNNERS, "runner early", "runner.work", "times as fast, and no kernels are 20 times"),
    (RUNNERS, "runner late", "runner.work", "times as fast, and no kernels are 20 times"),
    (MODELS, "model rounded-batch", "model.inputs-batch", "a first axis of 2 at batch 1"),
    (MODELS, "model same-sets", "model.inputs-vary", "the same values in two sets"),
    (MODELS, "model bare-tensor", "model.inputs", "found Tensor"),
    (MODELS, "model shared-weights", "model.fresh", "share the memory of 0.weight"),
    (MODELS, "model clock-weights", "model.weights-seeded", "other weights in another process"),
    (MODELS, "model doubled", "model.builds", "weight in float64"),
    (MODELS, "model no-module", "model.builds", "must return a torch.nn.Module, not function"),
    (MODELS, "model cannot-build", "model.builds", "the weights are elsewhere (models.py:"),
    (MODELS, "model dropout", "model.repeatable", "at call 2"),
    (MODELS, "model in-place", "model.inputs-kept", "inputs with other values"),
    (MODELS, "model fewer-items", "model.items", "99, 98, 97, 92"),
    (MODELS, "model drifting", "model.repeatable", "at call 2"),
    (MODELS, "model keeps-for-all", "model.answers", "called in another order and in another process"),
    (MODELS, "model end-of-range", "model.params", "above the limit 0.0001 (model.reference at scale=8)"),
    (MODELS, "model threads", "model.call-state", "the number of threads changed from 1 to 2"),
    (MODELS, "model capped", "model.output-batch", "2 at batch 3, 2 at batch 8 in output 0"),
    (MODELS, "model wrong-reference", "model.reference", "error 0.01 is above the limit"),
    (MODELS, "model raising-reference", "model.reference", "that it raises KeyError: 'x'"),
    (MODELS, "model segfault", "model.calls", "SIGSEGV"),
    (MODELS, "model exits", "model.inputs", "with code 3 while drawing inputs"),
    (MODELS, "model zero-tolerance", "model.tolerances", "0.0 for fp32"),
    (MODELS, "model plus", "component.params-text", "read as ('a', 'b') instead of ('a+b',)"),
    (MODELS, "model anything", "component.params-refused", "size=conformance:no such value taken"),
    (MODELS, "model Capital Letters", "component.name", "'Capital Letters'"),
    (MODELS, "model speechless", "component.summary", "found ''"),
    (MODELS, "model wordy", "component.summary", "and another"),
    (MODELS, "model list-of-aliases", "component.aliases", "found ['other']"),
    (MODELS, "model mlp", "component.unique", "'mlp' taken by harness_plugins.models"),
    (MODELS, "model unsure", "component.available", "found True"),
    (MODELS, "model demands", "component.requires", "found 3"),
    (MODELS, "model other-kind", "component.kind", "found 'runner'"),
    (PRECISIONS, "precision zero", "precision.tolerance", "tolerance = 0.0"),
    (PRECISIONS, "precision no-context", "precision.how", "no context, so nothing is cast"),
    (PRECISIONS, "precision tight", "precision.error", "is above the limit 1e-05"),
    (PRECISIONS, "precision misnamed", "precision.dtype", "'brain16'"),
    (PRECISIONS, "precision somehow", "precision.dtype", "how = 'somehow'"),
    (PRECISIONS, "precision says-true", "precision.supports", "True from supports() for cpu"),
    (PRECISIONS, "precision meddles", "precision.state", "deterministic algorithms changed"),
    (RUNNERS, "runner keeps-memory", "runner.leaks", "MiB more for each session"),
    (RUNNERS, "runner default-dtype", "runner.state", "the default dtype changed"),
    (RUNNERS, "runner patches", "runner.state", "torch.nn.functional.relu was replaced"),
    (RUNNERS, "runner more-threads", "runner.threads", "threads where work.threads is"),
    (RUNNERS, "runner busy", "runner.threads", "of them at work where work.threads is"),
    (RUNNERS, "runner nan-facts", "runner.facts", "nan at facts()['share'][1]"),
    (RUNNERS, "runner one-problem", "runner.problems", "found str"),
    (RUNNERS, "runner mebibytes", "runner.weights-bytes", "0 bytes, where the module has"),
    (RUNNERS, "runner no-session", "runner.loads", "Sequential from load()"),
    (RUNNERS, "runner falls-back", "runner.precision", "less than bfloat16 can have"),
    (RUNNERS, "runner swallows", "runner.errors", "a model that raises whenever it is called"),
    (RUNNERS, "runner never-closes", "runner.close", "an output from a closed session"),
    (RUNNERS, "runner one-buffer", "runner.concurrent", "the output of call 1 overwritten"),
    (RUNNERS, "runner mixes-threads", "runner.concurrent", "another caller's output"),
    (RUNNERS, "runner one-batch", "runner.batch", "RuntimeError at batch 5"),
    (RUNNERS, "runner traces", "runner.refuses", "on probe-branch"),
    (RUNNERS, "runner some-batches", "runner.says", "batch = 'some'"),
    (RUNNERS, "runner preloads", "runner.preload", "1 threads more"),
    (RUNNERS, "runner cannot-build", "runner.builds", "the compiler is not there"),
    (REPORTERS, "reporter unordered", "reporter.repeatable", "in another process"),
    (REPORTERS, "reporter raw", "reporter.plain", "an escape sequence"),
    (REPORTERS, "reporter coloured", "reporter.plain", "an escape sequence"),
    (REPORTERS, "reporter raw-display", "reporter.display-plain", "without colour"),
    (REPORTERS, "reporter formulas", "reporter.format", "runs as a formula ('=1+1"),
    (REPORTERS, "reporter pipes", "reporter.format", "a row of 3 cells in a table of 2"),
    (REPORTERS, "reporter sorts", "reporter.keeps", "found another one"),
    (REPORTERS, "reporter expects", "reporter.renders", "'NoneType' object has no attribute 'median'"),
    (REPORTERS, "reporter nothing", "reporter.renders", "found NoneType"),
    (REPORTERS, "reporter wide", "reporter.width", "201 columns where there are 200"),
    (REPORTERS, "reporter display-fails", "reporter.displays", "ZeroDivisionError"),
    (REPORTERS, "reporter no-dot", "reporter.extension", "found 'txt'"),
    (
        "misbehaving/listens_with_torch.py",
        "plugin listens_with_torch.py",
        "plugin.import-light",
        "found torch",
    ),
    ("misbehaving/prints.py", "plugin prints.py", "plugin.import-quiet", "'hello from a plugin'"),
    ("misbehaving/starts_a_thread.py", "plugin starts_a_thread.py", "plugin.import-quiet", "2 threads"),
    ("misbehaving/writes_a_file.py", "plugin writes_a_file.py", "plugin.import-quiet", "cache.bin"),
    ("misbehaving/no_hook.py", "plugin no_hook.py", "plugin.loads", "not marked with @harness.hookimpl"),
    (
        "misbehaving/misspelt_hook.py",
        "plugin misspelt_hook.py",
        "plugin.loads",
        "did you mean harness_models",
    ),
    ("misbehaving/yields_a_class.py", "plugin yields_a_class.py", "plugin.yields", "not the class: Tiny()"),
    ("misbehaving/yields_twice.py", "plugin yields_twice.py", "plugin.yields", "model 'tiny' twice"),
    ("misbehaving/hook_raises.py", "plugin hook_raises.py", "plugin.yields", "no models today"),
    ("misbehaving/listener_prints.py", "plugin listener_prints.py", "listener.stdout", "begins with"),
    (
        "misbehaving/listener_changes.py",
        "plugin listener_changes.py",
        "listener.keeps",
        "harness_run_finished",
    ),
]

PLANTED = [*QUICK, *SLOW]


def _skip_where_it_cannot_show(component, check):
    if component == ONE_THREAD and usable_cores() < 2:
        pytest.skip("with one core, one thread is what is asked for")
    if check == "runner.arithmetic" and not {"avx512_bf16", "amx_bf16"} & resolve("cpu").features:
        pytest.skip("this processor has no bfloat16 arithmetic")


@pytest.mark.parametrize(("file", "component", "check", "words"), QUICK, ids=[q[1] for q in QUICK])
def test_its_check_fails_and_says_what_was_expected_and_found(kits, file, component, check, words):
    _skip_where_it_cannot_show(component, check)
    found = kits.result(file, component, check)
    assert found.status == "failed"
    assert found.reason.startswith(component), found.reason
    assert f"expected {CHECKS[check].expected}" in found.reason
    assert words in found.reason
    assert found.hint


@pytest.mark.slow
@pytest.mark.parametrize(("file", "component", "check", "words"), PLANTED, ids=[p[1] for p in PLANTED])
def test_no_other_check_fails(kits, file, component, check, words):
    _skip_where_it_cannot_show(component, check)
    failed = kits.failed(file, component)
    assert list(failed) == [f"{component} {check}"], failed
    assert words in failed[f"{component} {check}"]


def test_one_that_hangs_is_ended_and_the_kit_goes_on(kits):
    found = kits.result(RUNNERS, "runner hangs", "runner.loads", timeout_s=5)
    assert "not done within 5 s, ended while loading" in found.reason
    assert "--timeout" in found.hint
    after = kits.result(RUNNERS, "runner hangs", "runner.close", timeout_s=5)
    assert (after.status, after.reason) == ("not applicable", "it hangs, see runner.loads")


def test_what_hangs_is_waited_for_once_and_later_checks_say_where(kits):
    began = time.monotonic()
    found = {r.check: r for r in kits.results(MODELS, "model hangs", timeout_s=5)}
    # Nine checks would each wait for the same call.
    assert time.monotonic() - began < 5 * 5
    assert [r.check for r in found.values() if r.status == "failed"] == ["model.calls"]
    assert "not done within 5 s, ended while calling the module" in found["model.calls"].reason
    for check in ("model.call-state", "model.answers", "model.tolerances", "model.reference"):
        assert (found[check].status, found[check].reason) == ("not applicable", "it hangs, see model.calls")
    # What the one that hangs builds on is looked at all the same: the failure would be lost otherwise.
    assert {found[check].status for check in ("model.builds", "model.inputs", "model.state")} == {"ok"}


def test_every_check_has_a_plugin_that_it_refuses():
    found = {check for _, _, check, _ in PLANTED}
    # That a sample's answer depends on its neighbours is a note.
    assert set(CHECKS) - found == {"model.samples"}


def test_every_planted_component_is_looked_at(kits):
    for file in (MODELS, PRECISIONS, RUNNERS, REPORTERS):
        there = {str(item.target) for item in kits.items(file) if item.target.kind}
        looked_at = {component for f, component, _, _ in PLANTED if f == file}
        assert there - looked_at <= {"runner hangs", "model hangs"}, file

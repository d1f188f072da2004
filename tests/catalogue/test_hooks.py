"""Every hook has documentation with an example, and every example works as it stands."""

from __future__ import annotations

import inspect
import os
import signal
import textwrap
from types import SimpleNamespace

import pytest

from harness import hookspecs
from harness.catalogue import Catalogue, PluginRequest, load
from harness.components import Device
from harness.execute.observers import Observers
from harness.hookspecs import CATALOGUE_HOOKS, LIFECYCLE_HOOKS
from harness.records.case import PluginInfo

HOOKS = sorted(n for n in vars(hookspecs) if n.startswith("harness_"))


def example(hook: str) -> str:
    """The code of the example in a hook's docstring."""
    text = inspect.getdoc(getattr(hookspecs, hook))
    code = text.partition("Example")[2].partition("::\n")[2]
    lines = [line for line in code.splitlines() if not line.strip() or line.startswith("    ")]
    return textwrap.dedent("\n".join(lines))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_documentation_with_an_example(hook):
    assert len(inspect.getdoc(getattr(hookspecs, hook)).splitlines()[0]) > 10
    assert "@harness.hookimpl" in example(hook)
    assert f"def {hook}(" in example(hook)


def test_every_hook_has_a_test():
    assert [h for h in HOOKS if f"test_hook_{h}" not in globals()] == []


def test_every_hook_is_listed_in_its_phase():
    assert sorted([*CATALOGUE_HOOKS.values(), *LIFECYCLE_HOOKS]) == HOOKS


@pytest.fixture
def provided(tmp_path, install):
    """Loads the example of a catalogue hook from a file and gives what it provides."""

    def give(hook: str, kind: str):
        file = tmp_path / "example.py"
        file.write_text(example(hook))
        catalogue = Catalogue(load(PluginRequest(extra=(str(file),))))
        assert catalogue.problems == []
        (found,) = (p for p in catalogue.of_kind(kind) if p.origin.source == f"file:{file}")
        return found.component

    return give


def test_hook_harness_models(provided):
    model = provided("harness_models", "model")
    params = model.Params()
    inputs = model.inputs(params, 3)
    assert model.build(params)(*inputs.args).shape == (3, 64)


def test_hook_harness_precisions(provided):
    import torch

    precision = provided("harness_precisions", "precision")
    module = precision.prepare(torch.nn.Linear(2, 2), None)
    assert module.weight.dtype == torch.float64
    assert precision.supports(Device("cpu")) is None
    assert precision.context(Device("cpu")) is None


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hook_harness_runners(provided):
    import torch

    import harness

    runner = provided("harness_runners", "runner")
    module, inputs = torch.nn.Linear(2, 2).eval(), harness.Inputs(torch.randn(3, 2))
    precision = SimpleNamespace(context=lambda device: None)
    session = runner.load(
        SimpleNamespace(module=module, inputs=inputs, precision=precision, device=Device("cpu"))
    )
    (output,) = session.leaves(session(session.bind(inputs)))
    torch.testing.assert_close(output, module(*inputs.args).detach())


def test_hook_harness_reporters(provided, build):
    reporter = provided("harness_reporters", "reporter")
    report = build.full_report()
    lines = reporter.render(report).splitlines()
    assert lines == [f"{r.status} {r.id}" for r in report.records]


# ---- hooks that observe a run --------------------------------------------------------------------


@pytest.fixture
def observe(tmp_path, install):
    """Observers with one listening plugin file, and what they warned of."""

    def give(source: str, hooks: list[str]):
        file = tmp_path / "listener.py"
        file.write_text(f"import harness\n{source}")
        warned: list[str] = []
        info = PluginInfo("listener.py", f"file:{file}", hooks=hooks)
        return Observers([info], PluginRequest(extra=(str(file),)), warned.append), warned

    return give


def test_hook_harness_run_started(observe, build, capsys):
    observers, warned = observe(example("harness_run_started"), ["harness_run_started"])
    run = build.full_report().run
    observers.tell("harness_run_started", run=run, case_ids=["a", "b"])
    assert capsys.readouterr().out == f"run {run.id}: 2 cases\n"
    assert warned == []


def test_hook_harness_case_finished(observe, build, capsys):
    observers, warned = observe(example("harness_case_finished"), ["harness_case_finished"])
    report = build.full_report()
    observers.tell("harness_case_finished", run=report.run, record=report.records[0])
    observers.tell("harness_case_finished", run=report.run, record=report.records[-1])
    assert capsys.readouterr().out.startswith("mlp 4.0")
    assert warned == []


def test_hook_harness_run_finished(observe, build, capsys):
    source = "upload = print\n" + example("harness_run_finished")
    observers, warned = observe(source, ["harness_run_finished"])
    report = build.full_report()
    observers.tell("harness_run_finished", report=report)
    assert capsys.readouterr().out == f"{report.run.id}\n"
    assert warned == []


@pytest.fixture
def signals_are_heard_elsewhere():
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("signals_are_heard_elsewhere")
@pytest.mark.parametrize(
    "error",
    [
        f"{name}('my fault')"
        for name in ("ValueError", "SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException")
    ],
)
def test_an_observer_that_breaks_is_one_warning_and_no_end_of_the_run(observe, build, error):
    source = f"@harness.hookimpl\ndef harness_run_finished(report):\n    raise {error}\n"
    observers, warned = observe(source, ["harness_run_finished"])
    observers.tell("harness_run_finished", report=build.full_report())
    name = error.partition("(")[0]
    assert warned == [f"plugin listener.py: harness_run_finished failed: {name}: my fault"]


def test_a_ctrl_c_while_a_plugin_listens_is_a_ctrl_c(observe, build):
    source = "@harness.hookimpl\ndef harness_run_finished(report):\n    raise KeyboardInterrupt\n"
    observers, warned = observe(source, ["harness_run_finished"])
    with pytest.raises(KeyboardInterrupt):
        observers.tell("harness_run_finished", report=build.full_report())
    assert warned == []


def test_an_observer_that_changes_the_folder_does_not_change_that_of_the_run(
    observe, build, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    source = "import os\n@harness.hookimpl\ndef harness_run_finished(report):\n    os.chdir('/')\n"
    observers, warned = observe(source, ["harness_run_finished"])
    observers.tell("harness_run_finished", report=build.full_report())
    assert os.getcwd() == str(tmp_path)
    assert warned == ["plugin listener.py: harness_run_finished changed the working folder; it is set back"]


def test_an_observer_that_leaves_a_folder_that_is_gone_does_no_harm(observe, build, tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    source = "import os\n@harness.hookimpl\ndef harness_run_finished(report):\n    os.chdir('/')\n"
    observers, warned = observe(source, ["harness_run_finished"])
    observers.tell("harness_run_finished", report=build.full_report())
    assert warned == []


def test_an_observer_that_does_not_come_back_is_named(observe, build, monkeypatch):
    monkeypatch.setattr("harness.execute.observers.PATIENCE_S", 0.05)
    source = "import time\n@harness.hookimpl\ndef harness_run_finished(report):\n    time.sleep(1)\n"
    observers, warned = observe(source, ["harness_run_finished"])
    observers.tell("harness_run_finished", report=build.full_report())
    assert warned == ["plugin listener.py: harness_run_finished takes its time, and the run waits for it"]


def test_an_observer_takes_only_the_arguments_it_names(observe, build, capsys):
    source = "@harness.hookimpl\ndef harness_case_finished(record):\n    print(record.status)\n"
    observers, warned = observe(source, ["harness_case_finished"])
    report = build.full_report()
    observers.tell("harness_case_finished", run=report.run, record=report.records[0])
    assert (capsys.readouterr().out, warned) == ("ok\n", [])


def test_a_plugin_that_only_fills_the_catalogue_is_not_loaded_into_the_parent(observe):
    observers, warned = observe("raise RuntimeError('imported')", ["harness_models"])
    observers.tell("harness_run_finished", report=None)
    assert warned == []


def test_an_observer_that_cannot_be_loaded_is_one_warning(observe):
    _, warned = observe("raise RuntimeError('imported')", ["harness_run_finished"])
    assert len(warned) == 1
    assert "RuntimeError: imported" in warned[0]

"""The plan: names become components, points become identified cases, baselines are added."""

from __future__ import annotations

import dataclasses
import re

import pytest

from harness.catalogue import PluginRequest
from harness.errors import AmbiguousName, UnknownName, UsageError
from harness.jobs import Matrix, PlanJob, decode_job, encode_job
from harness.plan import suites
from harness.plan.estimate import further_estimate_s, total_estimate_s
from harness.plan.planner import make_plan
from harness.records import codec
from harness.records.case import Case, Plan, Scenario
from harness.records.settings import Settings

CPU = ["cpu"]


def plan(
    *matrices: Matrix, baseline: str = "", tolerance: float | None = None, plugins: tuple[str, ...] = ()
) -> Plan:
    """The plan on the CPU unless a matrix names another device."""
    placed = [dataclasses.replace(m, device=m.device or CPU) for m in matrices]
    job = PlanJob(
        placed, PluginRequest.from_options(plugins), Scenario(), Settings(tolerance=tolerance), baseline
    )
    return make_plan(job)


def points(found: Plan) -> list[tuple[str, str, str, int]]:
    return [(c.label["model"], c.label["runner"], c.case.precision, c.case.batch_size) for c in found.cases]


@pytest.fixture
def without_cuda(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)


# ---- which cases ---------------------------------------------------------------------------------


def test_the_default_suite_has_24_cases_and_its_baselines_are_among_them():
    found = plan(*suites.find("default").matrices)
    assert len(found.cases) == 24
    assert not any(c.added for c in found.cases)
    assert {c.baseline_id for c in found.cases} == {
        c.id for c in found.cases if (c.case.runner, c.case.precision) == ("eager", "fp32")
    }


def test_an_axis_that_a_matrix_leaves_out_has_one_value():
    assert points(plan(Matrix())) == [("mlp", "eager", "fp32", 32)]


def test_every_default_is_filled_in_so_that_a_case_can_be_repeated_elsewhere():
    (planned,) = plan(Matrix(model=["mlp:hidden_dim=64"], runner=["eager"], batch_size=[2])).cases
    assert planned.case.params == {"in_dim": 512, "hidden_dim": 64, "out_dim": 512, "n_layers": 4}
    assert planned.case.threads >= 1
    assert planned.label == {"model": "mlp:hidden_dim=64", "runner": "eager"}


def test_a_parameter_given_its_default_value_makes_no_second_case():
    found = plan(Matrix(model=["mlp", "mlp:hidden_dim=2048", "mlp:n_layers=4,hidden_dim=2048"]))
    assert points(found) == [("mlp", "eager", "fp32", 32)]


def test_the_same_point_of_two_matrices_is_measured_once():
    assert len(plan(Matrix(batch_size=[1, 1]), Matrix(batch_size=[1])).cases) == 1


def test_a_list_of_models_in_one_text_is_several_models():
    assert [p[0] for p in points(plan(Matrix(model=["mlp:n_layers=2,cnn"])))] == ["mlp:n_layers=2", "cnn"]


def test_what_is_excluded_is_not_measured():
    found = plan(
        Matrix(
            model=["mlp", "cnn"],
            runner=["eager", "compile:mode=max-autotune"],
            batch_size=[1, 8],
            exclude=[{"runner": "compile", "batch_size": 1}, {"model": "cnn"}],
        )
    )
    assert points(found) == [
        ("mlp", "eager", "fp32", 1),
        ("mlp", "eager", "fp32", 8),
        ("mlp", "compile:mode=max-autotune", "fp32", 8),
    ]


def test_an_exclusion_with_parameters_means_these_parameters_in_any_order():
    matrix = Matrix(
        model=["mlp:n_layers=2,hidden_dim=64", "mlp:n_layers=3,hidden_dim=64"],
        exclude=[{"model": "mlp:hidden_dim=64,n_layers=2"}],
    )
    assert [p[0] for p in points(plan(matrix))] == ["mlp:hidden_dim=64,n_layers=3"]


def test_what_is_included_takes_the_first_value_of_every_axis_it_does_not_name():
    found = plan(Matrix(model=["mlp"], batch_size=[4, 8], include=[{"model": "cnn"}, {"batch_size": 2}]))
    assert points(found) == [
        ("mlp", "eager", "fp32", 4),
        ("mlp", "eager", "fp32", 8),
        ("cnn", "eager", "fp32", 4),
        ("mlp", "eager", "fp32", 2),
    ]


@pytest.mark.parametrize(
    ("matrix", "error", "said"),
    [
        (Matrix(model=["mpl"]), UnknownName, "there is no model 'mpl'; did you mean mlp"),
        (
            Matrix(model=["mlp:hiden_dim=3"]),
            UsageError,
            "mlp has no parameter hiden_dim; did you mean hidden_dim",
        ),
        (Matrix(model=["mlp:n_layers=0"]), UsageError, "mlp: n_layers must be at least 1, not 0"),
        (Matrix(model=["transformer:n_heads=7"]), UsageError, "d_model=256 is no multiple of n_heads=7"),
        (Matrix(runner=["compile:mode=fast"]), UsageError, "mode=fast is no 'default' | 'reduce-overhead'"),
        (Matrix(precision=["fp32:x=1"]), UsageError, "precision fp32 has no parameters"),
        (Matrix(device=["gpu?"]), UsageError, "'gpu?' is no device"),
        (Matrix(device=["abacus"]), UsageError, "'abacus' is no device"),
        (Matrix(exclude=[{"runner": "compil"}]), UnknownName, "did you mean compile"),
    ],
)
def test_what_cannot_be_planned_is_an_error_of_the_user(matrix, error, said):
    with pytest.raises(error) as caught:
        plan(matrix)
    assert said in caught.value.message


# ---- identity ------------------------------------------------------------------------------------

_CASE = Case("mlp", {"in_dim": 512}, "eager", {}, "fp32", 64, "cpu", 2)


def test_the_id_of_a_case_is_the_same_in_every_version_of_the_harness():
    # Stored runs are compared by it: this value may never change.
    assert _CASE.id(Scenario("synchronised", "rotating", "closed loop")) == "ecc133b4b9a973e5"


@pytest.mark.parametrize(
    "change",
    [
        {"model": "cnn"},
        {"params": {"in_dim": 511}},
        {"params": {"in_dim": 512, "more": None}},
        {"runner": "compile"},
        {"options": {"mode": "default"}},
        {"precision": "tf32"},
        {"batch_size": 1},
        {"device": "cuda"},
        {"threads": 1},
    ],
)
def test_a_case_with_anything_else_about_it_has_another_id(change):
    assert dataclasses.replace(_CASE, **change).id(Scenario()) != _CASE.id(Scenario())


def test_a_case_measured_between_other_moments_has_another_id():
    assert _CASE.id(Scenario(boundary="with transfers")) != _CASE.id(Scenario())


def test_the_order_in_which_parameters_are_written_does_not_change_the_id():
    one, other = (
        plan(Matrix(model=[m])).cases[0].id for m in ("mlp:in_dim=4,out_dim=5", "mlp:out_dim=5,in_dim=4")
    )
    assert one == other


def test_planning_twice_gives_the_same_ids_and_survives_the_way_through_a_pipe():
    matrix = Matrix(model=["mlp", "cnn"], runner=["eager", "onnxruntime"], precision=["fp32", "bf16"])
    first, second = plan(matrix), plan(matrix)
    assert [c.id for c in first.cases] == [c.id for c in second.cases]
    assert len({c.id for c in first.cases}) == len(first.cases)
    there = codec.decode(codec.encode(first), Plan)
    assert [c.case.id(Scenario()) for c in there.cases] == [c.id for c in first.cases]
    assert codec.decode(codec.encode(there), Plan) == there


def test_a_request_for_a_plan_survives_the_way_to_a_child():
    job = PlanJob(
        [Matrix(model=["mlp"], exclude=[{"batch_size": 1}])], PluginRequest(("a.py",)), Scenario(), Settings()
    )
    assert decode_job(encode_job("plan", job)) == ("plan", job)


# ---- words ---------------------------------------------------------------------------------------


def test_a_short_word_for_a_precision_is_accepted_under_its_long_name_with_one_note():
    found = plan(
        Matrix(model=["mlp", "cnn"], precision=["fp16", "fp16-amp"], batch_size=[1, 8]), baseline="none"
    )
    assert {c.case.precision for c in found.cases} == {"fp16-amp"}
    assert len(found.cases) == 4
    (note,) = found.notes
    assert note.startswith("precision fp16 is fp16-amp: torch.autocast to float16")


# ---- `all` ---------------------------------------------------------------------------------------


def test_all_models_are_all_there_are():
    assert {p[0] for p in points(plan(Matrix(model=["all"])))} >= {"mlp", "cnn", "transformer"}


def test_all_precisions_leave_out_what_the_device_has_not_and_say_so(monkeypatch):
    monkeypatch.setattr("harness.measure.devices._cpu_features", lambda: ["avx2", "avx512_bf16"])
    found = plan(Matrix(precision=["all"]))
    assert {c.case.precision for c in found.cases} == {
        "fp32",
        "bf16-amp",
        "bf16-true",
        "int8-dynamic",
        "int8-weight-only",
    }
    assert len([n for n in found.notes if n.startswith("all leaves out precision ")]) == 3
    assert any("tf32: TF32 is a mode of NVIDIA tensor cores" in n for n in found.notes)
    assert any("fp16-true: this CPU has no float16 arithmetic" in n for n in found.notes)


def test_all_does_not_break_on_a_plugin_that_breaks_when_it_is_asked(install):
    install(
        "import harness\n"
        "class Bad(harness.Runner):\n"
        "    name = 'bad'\n    summary = 'breaks'\n"
        "    def available(self):\n        raise OSError('no driver')\n"
        "@harness.hookimpl\ndef harness_runners():\n    yield Bad()\n",
        "bad-runner",
    )
    found = plan(Matrix(runner=["all"]))
    assert "bad" not in {c.case.runner for c in found.cases}
    assert any("bad" in n and "OSError: no driver" in n for n in found.notes)


# ---- baselines -----------------------------------------------------------------------------------


def test_a_baseline_that_nobody_asked_for_is_added_once_before_its_cases_and_flagged():
    found = plan(Matrix(runner=["compile", "onnxruntime"], batch_size=[8]))
    assert points(found) == [
        ("mlp", "eager", "fp32", 8),
        ("mlp", "compile", "fp32", 8),
        ("mlp", "onnxruntime", "fp32", 8),
    ]
    assert [c.added for c in found.cases] == [True, False, False]
    assert {c.baseline_id for c in found.cases} == {found.cases[0].id}


def test_a_baseline_for_which_nothing_would_stand_beside_it_is_not_measured():
    found = plan(Matrix(runner=["onnxruntime"], precision=["bf16-amp", "bf16-true"]))
    assert [c.added for c in found.cases] == [False, False]
    assert all(c.unsupported for c in found.cases)
    found = plan(Matrix(runner=["onnxruntime"], precision=["bf16-amp", "fp32"]))
    assert points(found)[0][:3] == ("mlp", "eager", "fp32")
    assert [c.added for c in found.cases] == [True, False, False]


def test_a_baseline_has_the_models_parameters_batch_device_and_threads():
    (base, planned) = plan(
        Matrix(model=["mlp:n_layers=2"], runner=["compile"], batch_size=[3], threads=[1])
    ).cases
    assert dataclasses.replace(base.case, runner="compile", options=planned.case.options) == planned.case


def test_a_selector_chooses_other_baselines():
    found = plan(Matrix(runner=["eager", "onnxruntime"], precision=["fp32"]), baseline="runner=onnxruntime")
    ort = next(c for c in found.cases if c.case.runner == "onnxruntime")
    assert {c.baseline_id for c in found.cases} == {ort.id}
    assert len(found.cases) == 2


def test_a_baseline_may_have_parameters_of_its_own():
    found = plan(Matrix(), baseline="runner=compile:mode=max-autotune,precision=fp32")
    base = next(c for c in found.cases if c.added)
    assert base.label["runner"] == "compile:mode=max-autotune"


def test_baseline_none_adds_nothing_and_leaves_every_case_without_one():
    found = plan(Matrix(runner=["compile"]), baseline="none")
    assert [c.baseline_id for c in found.cases] == [None]


def test_an_unknown_baseline_is_an_error_and_no_missing_column():
    with pytest.raises(UnknownName, match="did you mean eager"):
        plan(Matrix(), baseline="runner=eagre")


# ---- what cannot run -----------------------------------------------------------------------------


def reason(**axes: list[str]) -> str:
    """Why the asked-for case is unsupported."""
    (planned,) = plan(Matrix(**axes), baseline="none").cases
    return planned.unsupported


def test_onnxruntime_has_no_autocast_and_the_reason_names_a_precision_that_works():
    said = reason(runner=["onnxruntime"], precision=["fp16-amp"])
    assert said == "ONNX has no autocast: try -p fp32, or -p fp16-true"


@pytest.mark.parametrize(
    "axes",
    [
        {"runner": ["onnxruntime"], "precision": ["fp16-amp"]},
        {"runner": ["onnxruntime"], "precision": ["bf16-amp"]},
        {"runner": ["onnxruntime"], "precision": ["bf16-true"]},
        {"runner": ["eager"], "precision": ["tf32"]},
        {"runner": ["eager"], "precision": ["fp32"], "device": ["cuda:99"]},
    ],
)
def test_what_the_reason_says_to_try_is_supported(axes):
    # Advice that leads to the next refusal is none.
    said = reason(**axes)
    words = {"-p": "precision", "-r": "runner", "-d": "device"}
    tries = re.findall(r"(-[prd]) ([\w:-]+)(?: (-[prd]) ([\w-]+))?", said)
    assert tries
    for option, value, option2, value2 in tries:
        other = {words[option]: [value], **({words[option2]: [value2]} if option2 else {})}
        assert reason(**{**axes, **other}) is None


def test_tf32_on_a_cpu_is_unsupported_with_the_precision_to_take_instead():
    assert reason(precision=["tf32"]) == "TF32 is a mode of NVIDIA tensor cores, cpu has none: try -p fp32"


def test_cuda_where_there_is_none_is_unsupported_with_a_reason_and_no_crash(without_cuda):
    found = plan(Matrix(device=["cuda", "cuda:1"], runner=["eager", "compile", "onnxruntime"]))
    assert all(c.unsupported for c in found.cases)
    assert found.cases[0].unsupported.endswith("finds no CUDA device here: try -d cpu")
    assert {c.case.device for c in found.cases} == {"cuda", "cuda:1"}
    assert found.environment.device_name is None


def test_cuda_where_there_is_none_leaves_the_cases_of_the_cpu_alone(without_cuda):
    found = plan(Matrix(device=["cpu", "cuda"]))
    assert {c.case.device: bool(c.unsupported) for c in found.cases} == {"cpu": False, "cuda": True}


def test_a_device_that_torch_knows_and_the_harness_does_not_is_unsupported_with_what_is():
    assert reason(device=["mps"]) == "device mps is not measured yet; cpu and cuda are"


def test_arithmetic_that_the_processor_imitates_is_measured_and_said_to_be_emulated(monkeypatch):
    monkeypatch.setattr("harness.measure.devices._cpu_features", lambda: ["avx2"])
    (planned,) = plan(Matrix(precision=["bf16-true"]), baseline="none").cases
    assert planned.unsupported is None
    assert planned.emulated == "this CPU has no bfloat16 arithmetic and converts around every operation"


def test_arithmetic_that_the_processor_has_is_not_called_emulated(monkeypatch):
    monkeypatch.setattr("harness.measure.devices._cpu_features", lambda: ["avx512_bf16"])
    (planned,) = plan(Matrix(precision=["bf16-true"]), baseline="none").cases
    assert planned.emulated is None


_PLUGIN = """
import harness

class Asked(harness.Runner):
    name = "asked"
    summary = "breaks when it is asked"
    def supports(self, case):
        raise KeyError("nothing")

class Odd(harness.Precision):
    name = "odd"
    summary = "breaks when it is asked"
    tolerance = 1e-3
    def emulated(self, device):
        raise KeyError("nothing")

class Strict(harness.Model):
    name = "strict"
    summary = "wants better"
    tolerances = {"fp32": 1e-6, "bf16-true": 0.5}
    unit = "tokens"
    def items(self, params, batch_size):
        return 7 * batch_size

@harness.hookimpl
def harness_runners():
    yield Asked()

@harness.hookimpl
def harness_precisions():
    yield Odd()

@harness.hookimpl
def harness_models():
    yield Strict()
"""


@pytest.fixture
def plugin(install, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(_PLUGIN)
    return (str(file),)


def test_a_plugin_that_breaks_when_asked_whether_it_is_supported_is_unsupported_with_its_error(plugin):
    (planned,) = plan(Matrix(runner=["asked"]), baseline="none", plugins=plugin).cases
    assert planned.unsupported == "asked whether it is supported, its plugin failed: KeyError: 'nothing'"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("raise SystemExit(3)", "its plugin failed: SystemExit: 3"),
        ("return 5", "its plugin answered 5, no sentence"),
        ("return ['no']", "its plugin answered ['no'], no sentence"),
    ],
)
def test_an_answer_that_is_none_costs_no_other_case_its_plan(install, tmp_path, answer, said):
    file = tmp_path / "mine.py"
    file.write_text(_PLUGIN.replace('raise KeyError("nothing")', answer))
    found = plan(Matrix(runner=["asked", "eager"]), baseline="none", plugins=(str(file),)).cases
    asked, eager = sorted(found, key=lambda c: c.case.runner)
    assert asked.unsupported == f"asked whether it is supported, {said}"
    assert eager.unsupported is None


def test_a_precision_that_breaks_when_asked_whether_it_is_emulated_is_unsupported_with_its_error(plugin):
    (planned,) = plan(Matrix(precision=["odd"]), baseline="none", plugins=plugin).cases
    assert planned.unsupported == "asked whether it is supported, its plugin failed: KeyError: 'nothing'"


# ---- tolerances and units ------------------------------------------------------------------------


def test_the_tolerance_is_the_precisions_unless_the_model_is_stricter(plugin):
    found = plan(Matrix(model=["strict"], precision=["fp32", "bf16-true"]), baseline="none", plugins=plugin)
    assert {c.case.precision: (c.tolerance, c.tolerance_source) for c in found.cases} == {
        "fp32": (1e-6, "model"),
        "bf16-true": (2e-2, "precision"),
    }


def test_a_tolerance_set_by_an_option_holds_for_every_case_and_says_that_it_was():
    found = plan(Matrix(precision=["fp32", "bf16-true"]), tolerance=0.25)
    assert {(c.tolerance, c.tolerance_source) for c in found.cases} == {(0.25, "option")}


def test_throughput_counts_what_the_model_says_it_does(plugin):
    (planned,) = plan(Matrix(model=["strict"], batch_size=[3]), baseline="none", plugins=plugin).cases
    assert (planned.items, planned.unit) == (21, "tokens")


def test_every_plugin_that_was_loaded_is_in_the_plan_with_its_hooks(plugin):
    found = {p.source: p for p in plan(Matrix(), plugins=plugin).plugins}
    assert found[f"file:{plugin[0]}"].hooks == ["harness_models", "harness_precisions", "harness_runners"]
    assert found["builtin:harness_plugins.reporters"].hooks == ["harness_reporters"]
    assert found["builtin:harness_plugins.reporters"].distribution == "pytorch-inference-lab"


def test_a_plugin_that_was_left_out_is_a_warning_of_the_plan(install):
    install("raise RuntimeError('no')", "broken")
    assert plan(Matrix()).warnings == ["plugin broken 1.0 left out: RuntimeError: no"]


def test_a_doubled_name_stops_only_the_plan_that_asks_for_it(install):
    source = "import harness\nclass M(harness.Model):\n    name = 'cnn'\n    summary = 's'\n"
    install(source + "@harness.hookimpl\ndef harness_models():\n    yield M()\n", "other")
    assert points(plan(Matrix(model=["mlp"]))) == [("mlp", "eager", "fp32", 32)]
    with pytest.raises(AmbiguousName, match=r"harness_plugins\.models and other 1\.0"):
        plan(Matrix(model=["cnn"]))


def test_two_providers_of_one_name_are_not_mixed_up_in_one_run(install):
    source = "import harness\nclass M(harness.Model):\n    name = 'twin'\n    summary = 's'\n"
    for name in ("dist-a", "dist-b"):
        install(source + "@harness.hookimpl\ndef harness_models():\n    yield M()\n", name)
    for name in ("dist-a", "dist-b"):
        (planned,) = plan(Matrix(model=[f"{name}/twin"])).cases
        assert planned.providers[0].distribution == name
    with pytest.raises(UsageError, match="twin x eager x fp32 is asked for from two providers of one name"):
        plan(Matrix(model=["dist-a/twin", "dist-b/twin"]))


def test_the_estimate_grows_with_the_passes_and_counts_nothing_unsupported():
    found = plan(Matrix(runner=["eager", "onnxruntime"], precision=["fp32", "bf16-amp"]))
    supported = dataclasses.replace(found, cases=[c for c in found.cases if not c.unsupported])
    assert len(supported.cases) < len(found.cases)
    assert total_estimate_s(found, Settings()) == total_estimate_s(supported, Settings())
    three, six, nine = (total_estimate_s(found, Settings(passes=passes)) for passes in (3, 6, 9))
    assert nine - six == pytest.approx(six - three)
    assert nine - six > 3
    assert three > six - three


def test_what_an_aim_may_add_is_bounded_by_its_passes_and_by_both_budgets():
    found = plan(Matrix(runner=["eager"]))
    few = Settings(until=0.05, most_passes=4, further_s=None)
    assert further_estimate_s(found, Settings()) == 0
    assert (
        0
        < further_estimate_s(found, few)
        < further_estimate_s(found, dataclasses.replace(few, most_passes=9))
    )
    assert further_estimate_s(found, dataclasses.replace(few, most_passes=99, further_s=20.0)) == 20
    assert further_estimate_s(found, dataclasses.replace(few, most_passes=99, time_budget_s=10.0)) == 10


def test_only_a_runner_with_files_to_make_has_a_build():
    found = plan(Matrix(runner=["eager", "compile", "onnxruntime"]))
    assert {c.case.runner: c.builds for c in found.cases} == {
        "eager": False,
        "compile": False,
        "onnxruntime": True,
    }


def test_callers_at_once_are_for_runners_that_say_so_and_models_without_state(install):
    install(
        "import harness\n"
        "class State(harness.Model):\n    name = 'state'\n    summary = 's'\n"
        "    def reset(self, module):\n        return\n"
        "class Alone(harness.Runner):\n    name = 'alone'\n    summary = 's'\n"
        "@harness.hookimpl\ndef harness_models():\n    yield State()\n"
        "@harness.hookimpl\ndef harness_runners():\n    yield Alone()\n",
        "dist-c",
    )
    found = plan(Matrix(model=["mlp", "state"], runner=["eager", "alone"]))
    concurrent = {(c.case.model, c.case.runner) for c in found.cases if c.concurrent}
    assert concurrent == {("mlp", "eager")}


def test_all_keeps_a_precision_that_a_runner_has_its_own_way_to(monkeypatch):
    from harness_plugins.precisions import int8

    monkeypatch.setattr(int8, "find_spec", lambda name: None)
    found = plan(Matrix(precision=["all"], runner=["eager", "onnxruntime"]))
    int8_cases = {c.case.runner: c for c in found.cases if c.case.precision == "int8-dynamic"}
    assert "pip install 'pytorch-inference-lab[torchao]'" in int8_cases["eager"].unsupported
    assert int8_cases["onnxruntime"].unsupported is None


def test_a_quantised_precision_that_a_runner_has_no_way_to_names_one_that_has(install):
    install(
        "import harness\n"
        "class Odd(harness.Precision):\n"
        "    name = 'odd'\n    summary = 'by recipe alone'\n    how = 'quantised'\n    tolerance = 0.1\n"
        "class Way(harness.Runner):\n"
        "    name = 'way'\n    summary = 'has one'\n    recipes = {'odd': print}\n"
        "@harness.hookimpl\ndef harness_precisions():\n    yield Odd()\n"
        "@harness.hookimpl\ndef harness_runners():\n    yield Way()\n"
    )
    found = {c.case.runner: c for c in plan(Matrix(precision=["odd"], runner=["eager", "way"])).cases}
    assert found["eager"].unsupported == "eager has no way to odd: try -r way"
    assert found["way"].unsupported is None


def test_inputs_for_models_that_bring_their_own_are_refused():
    plugins = PluginRequest.from_options((), ["x=float32[batch,16]"])
    job = PlanJob([Matrix(model=["mlp"], device=CPU)], plugins, Scenario(), Settings(), "")
    with pytest.raises(UsageError, match="--input says what goes into a model of your own, and mlp is none"):
        make_plan(job)


@pytest.mark.parametrize(("dtype", "limit"), [("float16", 5e-3), ("float32", 1e-4), ("float64", 1e-4)])
def test_a_file_is_held_to_the_limit_of_the_format_it_was_rounded_to(graphs, tmp_path, dtype, limit):
    path = str(graphs.layers(tmp_path / "net.onnx", dtype))
    (planned,) = plan(Matrix(model=[path], runner=["onnxruntime"], precision=["fp32"]), baseline="none").cases
    assert (planned.unsupported, planned.tolerance) == (None, limit)


def test_a_model_and_a_file_side_by_side_have_each_a_runner_that_can_run_it(graphs, tmp_path):
    path = str(graphs.layers(tmp_path / "net.onnx", "float32"))
    found = plan(Matrix(model=[path, "mlp"], precision=["fp32"], batch_size=[2]))
    assert points(found) == [("net.onnx", "onnxruntime", "fp32", 2), ("mlp", "eager", "fp32", 2)]


ABSENT = """
import harness

class Absent(harness.Runner):
    name = "absent"
    summary = "reads graphs, and is not installed"
    reads = ("onnx",)

    def available(self):
        return "it is not installed"

@harness.hookimpl
def harness_runners():
    yield Absent()
"""


def test_a_runner_that_does_not_read_a_file_names_those_that_can_here(graphs, tmp_path):
    (tmp_path / "absent.py").write_text(ABSENT)
    path = str(graphs.layers(tmp_path / "net.onnx", "float32"))
    asked = Matrix(model=[path], runner=["eager"], batch_size=[2])
    (planned,) = plan(asked, baseline="none", plugins=(str(tmp_path / "absent.py"),)).cases
    assert planned.unsupported.startswith("eager does not read onnx files: try -r onnxruntime")
    assert "absent" not in planned.unsupported


@pytest.fixture
def fixed(graphs, tmp_path):
    """A file for batch 4 alone."""
    takes = [("x", graphs.FLOAT32, [4, 3])]
    return str(graphs.write(tmp_path / "net.onnx", takes, [("Relu", ("x",), "y")], (graphs.FLOAT32, [4, 3])))


def test_a_batch_that_a_file_does_not_take_is_told_in_the_plan(fixed):
    found = plan(Matrix(model=[fixed], batch_size=[2, 4]), baseline="none")
    assert [(c.case.batch_size, c.unsupported) for c in found.cases] == [
        (2, "net.onnx was exported for batch 4 alone: -b 4"),
        (4, None),
    ]


def test_where_a_file_takes_none_of_the_batches_nothing_is_planned(fixed):
    with pytest.raises(UsageError, match="exported for batch 4 alone") as refused:
        plan(Matrix(model=[fixed], batch_size=[1, 64]))
    assert refused.value.hint == "-b 4"

"""Where the time of one inference goes, as a reader of the docs would ask for it."""

import json
import re

import pytest

from .conftest import PLUGINS

FAULTY = ("--plugin", PLUGINS / "faulty.py")
QUICK = ("--warmup", 1, "--calls", 2)

NET = '''
import harness
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Linear(64, 512)
        self.last = torch.nn.Linear(512, 64)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        hidden = self.first(x)
        hidden = hidden.relu() @ torch.ones(512, 512)
        return self.last(hidden)


class Model(harness.Model):
    name = "net"
    summary = "a model of some lines"

    def build(self, params):
        return Net()

    def inputs(self, params, batch_size):
        return harness.Inputs(torch.randn(batch_size, 64))

    def reset(self, module):
        module.calls = torch.zeros(3).sum()


class Other(harness.Session):
    """A runtime that is not torch, with a profiler of its own."""

    def __init__(self, work):
        self._profiling = work.profiling
        self._weights = [p.detach().numpy() for p in work.module.parameters()]
        self._ones = torch.ones(512, 512).numpy()

    def bind(self, inputs):
        return inputs.args[0].numpy()

    def __call__(self, x):
        a, b, c, d = self._weights
        return (((x @ a.T + b).clip(min=0)) @ self._ones) @ c.T + d

    def leaves(self, raw):
        return [torch.from_numpy(raw)]

    def facts(self):
        return {"profiling": self._profiling}

    def profile(self, asked):
        windows, spans = [], []
        for number, call in enumerate(asked.inferences(asked.calls)):
            call()
            windows.append(harness.Span("call", 1000 * number, 1000 * number + 900, kind="other"))
            spans.append(harness.Span("Everything", 1000 * number, 1000 * number + 450, shapes="4x64"))
        harness.write_trace(asked.trace, [*windows, *spans], [], asked.about)
        return harness.recording(windows, spans)


class Runner(harness.Runner):
    name = "other"
    summary = "numpy, with a profile of its own"

    def load(self, work):
        return Other(work)


class Silent(harness.Runner):
    name = "silent"
    summary = "numpy, of which torch's profiler sees nothing"

    def load(self, work):
        session = Other(work)
        session.profile = lambda asked: harness.Session.profile(session, asked)
        return session


@harness.hookimpl
def harness_models():
    yield Model()


@harness.hookimpl
def harness_runners():
    yield Runner()
    yield Silent()
'''


@pytest.fixture
def net(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(NET)
    return ("--plugin", file, "-m", "net", "-b", 4)


def profile(harness_command, *arguments):
    """The JSON report and the trace of a profile."""
    done = harness_command("profile", *QUICK, *arguments, "--format", "json")
    assert done.code == 0, done.err
    report = json.loads(done.out)
    return report, json.loads((done.results.parent / report["trace"]).read_text())


def check_adds_up(report, rows_left_out=False):
    """Lines sum to their total, shares to one, and what is inside operators to part of the wall time."""
    lines = [*report["rows"], *([report["rest"]] if report["rest"] else [])]
    assert bool(report["rest"]) == bool(report["rest_lines"]) == rows_left_out
    totals = report["totals"]
    for key in ("self_cpu_ms", "calls", "share"):
        assert sum(row[key] for row in lines) == pytest.approx(report["total"][key])
    assert report["total"]["share"] == pytest.approx(1)
    assert report["total"]["self_cpu_ms"] == pytest.approx(totals["cpu_ms"])
    # One thread calls, so what operators spent themselves is the time inside operators.
    assert totals["inside_share"] * totals["wall_ms"] == pytest.approx(totals["cpu_ms"])
    known = totals["cpu_ms"] + sum(d["cpu_ms"] for d in totals["dispatch"])
    assert 0 < known <= totals["wall_ms"] * (1 + 1e-9)


def check_trace(trace, calls):
    """Chrome trace events whose spans nest on every thread."""
    events = trace["traceEvents"]
    assert all({"ph", "name", "pid"} <= e.keys() for e in events)
    spans = [e for e in events if e["ph"] == "X"]
    assert sum(e["name"] == "harness call" for e in spans) == calls
    threads = {}
    for event in spans:
        assert event["dur"] >= 0
        threads.setdefault((event["pid"], event["tid"]), []).append(event)
    for thread in threads.values():
        open_until = []
        for event in sorted(thread, key=lambda e: (e["ts"], -e["dur"])):
            # Moments of a day in microseconds have a resolution of nanoseconds as numbers.
            while open_until and event["ts"] >= open_until[-1] - 0.01:
                open_until.pop()
            end = event["ts"] + event["dur"]
            assert not open_until or end <= open_until[-1] + 0.01, event
            open_until.append(end)
    assert trace["harness"]["batch_size"]


def test_the_mlp_spends_its_time_in_matrix_products(harness_command):
    report, trace = profile(harness_command, "-m", "mlp", "-b", 64)
    # The largest by far on a quiet machine; beside other load still the largest.
    assert re.search("addmm|_linear|mkl", report["rows"][0]["name"])
    assert report["rows"][0]["calls"] == 4
    assert report["rows"][0]["share"] > 0.25
    assert (report["group"], report["sort"], report["calls"], report["warmup"]) == (
        "operator",
        "self_cpu",
        2,
        1,
    )
    assert report["trace"] == "results/profiler/mlp_eager_fp32_b64_cpu_trace.json"
    assert report["verification"]["passed"]
    assert report["totals"]["device_ms"] is None
    check_adds_up(report)
    check_trace(trace, 2)
    assert {e["cat"] for e in trace["traceEvents"] if e["name"] == "aten::addmm"} == {"cpu_op"}


@pytest.mark.parametrize(
    ("model", "runner", "operator"),
    [
        pytest.param("mlp:hidden_dim=64", "compile", "cpp_fused", marks=pytest.mark.slow),
        ("cnn", "onnxruntime", "Conv"),
        pytest.param("transformer", "eager", "aten::addmm", marks=pytest.mark.slow),
    ],
)
def test_every_runner_gives_the_same_table_and_trace(harness_command, model, runner, operator):
    report, trace = profile(
        harness_command, "-m", model, "-r", runner, "-b", 4, "--group", "shape", "--rows", 0
    )
    rows = [r for r in report["rows"] if operator in r["name"]]
    assert rows and any(r["shapes"] for r in report["rows"])
    assert len({(r["name"], r["shapes"]) for r in report["rows"]}) == len(report["rows"])
    check_adds_up(report)
    check_trace(trace, 2)
    in_trace = [e for e in trace["traceEvents"] if e["ph"] == "X" and e["name"] == rows[0]["name"]]
    assert in_trace and {e["cat"] for e in in_trace} == {"cpu_op"}
    assert bool(report["totals"]["dispatch"]) == (runner != "eager")


@pytest.mark.slow
def test_lines_left_out_are_one_line(harness_command):
    report, _ = profile(harness_command, "-m", "transformer", "-b", 1, "--rows", 3, "--sort", "calls")
    assert len(report["rows"]) == 3
    assert report["rest"]["name"] == f"{report['rest_lines']} more"
    counts = [r["calls"] for r in report["rows"]]
    assert counts == sorted(counts, reverse=True)
    check_adds_up(report, rows_left_out=True)


def test_source_lines_are_those_of_the_model(harness_command, net):
    report, trace = profile(harness_command, *net, "--group", "source")
    lines = NET.splitlines()
    for row in report["rows"]:
        name, _, number = row["name"].rpartition(":")
        assert name == "net.py"
        assert lines[int(number) - 1].strip() == row["text"]
    assert {r["text"] for r in report["rows"]} == {
        "self.calls += 1",
        "hidden = self.first(x)",
        "hidden = hidden.relu() @ torch.ones(512, 512)",
        "return self.last(hidden)",
    }
    assert report["verification"]["passed"]
    check_adds_up(report)
    check_trace(trace, 2)


def test_a_model_of_torch_s_own_modules_has_their_names_for_lines(harness_command):
    report, _ = profile(harness_command, "-m", "mlp", "-b", 1, "--group", "source")
    assert {r["name"] for r in report["rows"]} == {
        *(f"module {k} (Linear)" for k in (0, 2, 4, 6)),
        *(f"module {k} (ReLU)" for k in (1, 3, 5)),
    }


def test_lines_of_an_exported_model_are_those_its_nodes_came_from(harness_command, net):
    report, trace = profile(harness_command, *net, "-r", "onnxruntime", "--group", "source")
    lines = NET.splitlines()
    known = [r for r in report["rows"] if r["name"] != "(line unknown)"]
    assert {r["text"] for r in known} >= {"hidden = self.first(x)", "return self.last(hidden)"}
    for row in known:
        assert lines[int(row["name"].removeprefix("net.py:")) - 1].strip() == row["text"]
    check_adds_up(report)
    check_trace(trace, 2)


def test_where_lines_are_not_known_it_says_so(harness_command, net):
    report, _ = profile(harness_command, *net, "-r", "other", "--group", "source")
    assert [r["name"] for r in report["rows"]] == ["(line unknown)"]
    assert any("try --group operator" in note for note in report["notes"])


def test_a_runtime_brings_its_own_profiler(harness_command, net):
    report, trace = profile(harness_command, *net, "-r", "other")
    assert [(r["name"], r["calls"], r["self_cpu_ms"]) for r in report["rows"]] == [("Everything", 1, 0.45)]
    assert report["totals"]["inside_share"] == 0.5
    assert len(trace["traceEvents"]) == 5
    assert report["facts"]["profiling"] is True


def test_a_session_is_made_for_profiling_in_this_command_alone(harness_command, net):
    done = harness_command("run", *net, "-r", "other", "--passes", 1)
    assert done.record(runner="other")["facts"]["profiling"] is False


def test_a_runner_of_which_nothing_is_seen_is_told_as_such(harness_command, net):
    done = harness_command("profile", *QUICK, *net, "-r", "silent")
    assert done.code == 0
    assert "no operator was seen" in done.out
    assert re.search(r" 0\.0 % +0\.0+ ms  inside operators", done.out)


def test_a_state_is_reset_between_the_calls_and_not_in_them(harness_command, net):
    report, _ = profile(harness_command, *net)
    assert "aten::zeros" not in {r["name"] for r in report["rows"]}
    assert "aten::ones" in {r["name"] for r in report["rows"]}


def test_the_table_and_markdown_are_for_people(harness_command):
    done = harness_command("profile", *QUICK, "-m", "mlp", "-b", 64, "--rows", 2)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("mlp  batch 64  eager  fp32  cpu")
    assert re.search(r"^aten::addmm +4 .*%", done.out, re.MULTILINE)
    assert re.search(r"^\d+ more .*%", done.out, re.MULTILINE)
    assert re.search(r"^all operators .* 100\.0 %", done.out, re.MULTILINE)
    shares = [float(s) for s in re.findall(r"([\d.]+) %", done.out.partition("all operators")[0])]
    assert sum(shares) == pytest.approx(100)
    assert "Python and dispatch" in done.out
    assert ": correct" in done.out
    assert "trace  results/profiler/mlp_eager_fp32_b64_cpu_trace.json" in done.out
    done = harness_command("profile", *QUICK, "-m", "mlp", "-f", "markdown", "-o", "profile.md")
    assert done.code == 0 and done.out == ""
    text = (done.results.parent / "profile.md").read_text()
    assert re.search(r"^\| `aten::addmm` \| 4 \|", text, re.MULTILINE)


def test_odd_parameters_and_another_folder_end_in_a_file_of_that_folder(harness_command, tmp_path):
    there = tmp_path / "else where"
    done = harness_command(
        "profile", *QUICK, "-m", "mlp:hidden_dim=8,n_layers=2", "-b", 1, "--results", there
    )
    assert done.code == 0
    assert [p.name for p in (there / "profiler").iterdir()] == [
        "mlp-hidden_dim=8-n_layers=2_eager_fp32_b1_cpu_trace.json"
    ]
    assert not (tmp_path / "results").exists()


def test_a_wrong_output_says_so_and_has_exit_code_3(harness_command):
    done = harness_command("profile", *QUICK, *FAULTY, "-m", "faulty:how=zeros")
    assert done.code == 3
    assert "INCORRECT: error" in done.out


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("forward", "failed: verifying: ValueError: this model does not work (faulty.py:"),
        ("segfault", "crashed: killed by SIGSEGV (segmentation fault) while verifying"),
    ],
)
def test_a_model_that_breaks_is_one_line_and_leaves_no_trace(harness_command, how, said):
    done = harness_command("profile", *FAULTY, "-m", f"faulty:how={how}")
    assert done.code == 4
    assert said in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    assert not done.results.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-m", "mlp,cnn"], "this command takes one model, not 'mlp,cnn'"),
        (["--calls", "0"], "0 is not in the range 1<=x<=1000000"),
        (["--warmup", "-1"], "-1 is not in the range 0<=x<=1000000"),
        (["--rows", "many"], "'many' is not a valid integer"),
        (["--sort", "time"], "'time' is not one of"),
        (["--group", "module"], "'module' is not one of"),
        (["--format", "csv"], "'csv' is not one of"),
        (["-d", "cpu", "--group", "kernel"], "on the CPU there are no kernels to group by"),
        (["-d", "cpu", "--sort", "self_device"], "on the CPU there is no device time to sort by"),
        (["--results", "file"], "is no folder"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(harness_command, tmp_path, arguments, said):
    (tmp_path / "file").write_text("")
    done = harness_command("profile", *arguments)
    assert done.code == 2
    assert said in done.err
    assert len(done.err.splitlines()) <= 2

"""Options that take a cause away: they do what they say, or the case is unsupported."""

import ctypes
import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from harness_plugins.runners import process
from harness_plugins.runners.cudagraph import CudaGraph
from harness_plugins.runners.recording import record

import harness


class _Plain:
    @staticmethod
    def context(device):
        return None


class _Autocast:
    @staticmethod
    def context(device):
        return torch.autocast("cpu", dtype=torch.bfloat16)


def recorded(module, *args, precision=_Plain, **kwargs):
    work = SimpleNamespace(precision=precision, device=harness.Device("cpu"))
    return record(module.eval(), harness.Inputs(*args, **kwargs), work)


def operators(found):
    return [str(n.target) for n in found.graph.graph.nodes if n.op == "call_function"]


# ---- a recording ------------------------------------------------------------------------------------


class Branches(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x):
        y = self.linear(x)
        if y.sum().item() > 0:  # what torch.compile breaks its graph at
            return y * 2
        return y - 1


def test_a_branch_on_data_goes_the_way_it_went_when_it_was_recorded():
    torch.manual_seed(0)
    module, x = Branches(), torch.randn(3, 4)
    with torch.no_grad():
        taken = float(module.linear(x).sum()) > 0
        found = recorded(module, x)
        assert torch.equal(found(x)[0], module(x))
        other = next(
            t for t in (torch.randn(3, 4) for _ in range(100)) if (module.linear(t).sum() > 0) != taken
        )
        assert not torch.allclose(found(other)[0], module(other)), "so that verification can tell"


def test_a_recording_is_compiled_whole_where_the_model_is_not():
    torch.manual_seed(0)
    module, x = Branches(), torch.randn(3, 4)
    with torch.no_grad():
        with pytest.raises(Exception, match=r"(?i)data.dependent|item"):
            torch.compile(module, backend="eager", fullgraph=True)(x)
        whole = torch.compile(recorded(module, x), backend="eager", fullgraph=True)
        assert torch.equal(whole(x)[0], module(x))


def test_inputs_of_any_nesting_and_several_outputs_are_taken():
    class Nested(torch.nn.Module):
        def forward(self, pair, *, more):
            top, where = pair["x"].max(dim=-1)
            return {
                "top": top + more[0],
                "rest": [where, (pair["x"].chunk(2, dim=-1)[1], None)],
                "same": more[0],
            }

    x, y = torch.randn(3, 4), torch.randn(3)
    found = recorded(Nested(), {"x": x}, more=[y, "a word"])
    a, b = torch.randn(3, 4), torch.randn(3)
    expected = harness.tensor_leaves(Nested()({"x": a}, more=[b, "a word"]))
    assert len(expected) == 4
    assert all(map(torch.equal, found({"x": a}, more=[b, "a word"]), expected))


def test_what_is_changed_in_place_is_changed_in_the_recording():
    class InPlace(torch.nn.Module):
        def forward(self, x):
            y = x * 2
            y[:, 0].add_(1)  # through a view
            y.relu_()
            kept = [torch.zeros_like(y), torch.zeros_like(y)]
            torch._foreach_add_(kept, 3.0)  # returns nothing
            return y + kept[0]

    found = recorded(InPlace(), torch.randn(3, 4))
    for _ in range(2):
        x = torch.randn(3, 4)
        assert torch.equal(found(x)[0], InPlace()(x))


def test_weights_are_shared_with_the_model_and_not_copied():
    module = torch.nn.Linear(4, 4)
    found = recorded(module, torch.randn(2, 4))
    pointers = {b.data_ptr() for b in found.buffers()}
    assert {module.weight.data_ptr(), module.bias.data_ptr()} <= pointers


def test_casts_of_autocast_are_recorded():
    x = torch.randn(8, 16)
    module = torch.nn.Linear(16, 16)
    found = recorded(module, x, precision=_Autocast)
    assert any("_to_copy" in o for o in operators(found))
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(found(x)[0], module(x))


def test_what_cannot_be_recorded_is_unsupported_in_one_sentence():
    from dataclasses import dataclass

    @dataclass
    class Pair:
        x: torch.Tensor

    class Takes(torch.nn.Module):
        def forward(self, pair):
            return pair.x + 1

    class Nothing(torch.nn.Module):
        def forward(self, x):
            return x

    with pytest.raises(harness.Unsupported, match="recorded=false"):
        recorded(Takes(), Pair(torch.randn(2)))
    with pytest.raises(harness.Unsupported, match="no operator"):
        recorded(Nothing(), torch.randn(2))


# ---- the process ------------------------------------------------------------------------------------

CHILDREN = """
import json, os, resource, sys
import torch
from harness_plugins.runners import process

class Work:
    threads = 2

    @property
    def module(self):
        return torch.full((1 << 20,), 1e-40)

def flushed(early):
    torch.set_num_threads(2)
    if early:
        (torch.ones(1 << 20) * 2).sum()
    weights = process.built_alone(Work())
    drawn = int(weights[:1].view(torch.int32))
    process.flush_denormals()
    left = int((weights * 1.0).view(torch.int32).count_nonzero())
    return {"drawn": drawn, "left": left, "threads": torch.get_num_threads()}

def faults(keep):
    torch.set_num_threads(1)
    if keep:
        process.keep_memory()
    x = torch.rand(10 << 20)  # 40 MiB: beyond what glibc keeps by itself
    with torch.inference_mode():
        for _ in range(3):
            (x + 1).sum()
        each = []
        for _ in range(10):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            (x + 1).sum()
            each.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(each)  # a system may take pages back from a process that it keeps waiting

for name, work in {
    "flushed": lambda: flushed(False),
    "early": lambda: flushed(True),
    "faults": lambda: faults(False),
    "kept": lambda: faults(True),
}.items():
    if os.fork() == 0:
        try:
            said = work()
        except Exception as error:
            said = str(error)
        print(json.dumps({name: said}), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def children():
    """What a fresh process does under each option: a process is changed for good, so each has its own."""
    done = subprocess.run([sys.executable, "-c", CHILDREN], capture_output=True, text=True, check=True)
    return {k: v for line in done.stdout.splitlines() for k, v in json.loads(line).items()}


def test_subnormals_are_flushed_in_every_thread_and_weights_are_drawn_before(children):
    found = children["flushed"]
    assert found["drawn"] != 0
    assert (found["left"], found["threads"]) == (0, 2)


def test_threads_that_had_started_before_are_told(children):
    assert "threads had been started before" in children["early"]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="a C library without mallopt")
def test_an_allocator_that_keeps_its_memory_makes_no_page_faults(children):
    assert children["faults"] > 5, "by default each call touches new pages"
    assert children["kept"] < children["faults"] / 10


def test_a_processor_without_the_mode_is_unsupported(monkeypatch):
    monkeypatch.setattr(torch, "set_flush_denormal", lambda on: False)
    with pytest.raises(harness.Unsupported, match="cannot flush"):
        process.flush_denormals()


def test_a_c_library_without_mallopt_is_unsupported(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    with pytest.raises(harness.Unsupported, match="mallopt"):
        process.keep_memory()


# ---- a CUDA graph -----------------------------------------------------------------------------------


def test_a_cuda_graph_elsewhere_is_unsupported_with_what_to_try():
    case = harness.Combination(None, None, None, None, 1, harness.Device("cpu"), 1)
    assert "-r compile" in CudaGraph().supports(case)

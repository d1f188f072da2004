"""A model that nobody announced is named by its file or module; its inputs by a line or a file."""

import contextlib
import pickle
from pathlib import Path

import numpy
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from harness.catalogue import Catalogue, PluginRequest, drawn, load, targets
from harness.catalogue.specs import parse, parse_all
from harness.errors import HarnessError, PluginError, UsageError

NET = """
import torch
from beside import SIZE

class TwoTower(torch.nn.Module):
    def __init__(self, width: int = 8, *, bias=True, act: object = None):
        super().__init__()
        self.user = torch.nn.Embedding(10, width)
        self.item = torch.nn.Linear(SIZE, width, bias=bias)

    def forward(self, user, item):
        return (self.user(user) * self.item(item)).sum(-1, keepdim=True)

def build(width: int, depth=2):
    return torch.nn.Sequential(*[torch.nn.Linear(width, width) for _ in range(depth)])

def tower():
    return TwoTower()

class Other:
    pass

def no_types(width):
    return torch.nn.Linear(width, width)

ready = torch.nn.Linear(4, 2)
table = {}

def nothing():
    return 3

class Sample(torch.nn.Linear):
    def __init__(self):
        super().__init__(5, 2)

    def example_inputs(self, batch_size):
        return torch.randn(batch_size, self.in_features)
"""


@pytest.fixture
def net(tmp_path, monkeypatch):
    (tmp_path / "net.py").write_text(NET)
    (tmp_path / "beside.py").write_text("SIZE = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path / "net.py"


def catalogue(*inputs, file=None, plugins=()):
    return Catalogue(load(PluginRequest.from_options(plugins, inputs, file)))


def filled(text, *inputs, file=None):
    """(the model, its parameters) as a plan finds them."""
    provided, params = catalogue(*inputs, file=file).fill("model", parse(text, "model"))
    return provided.component, params


TOWER = ("user=int64[batch;0..9]", "item=float32[batch,3]")


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("net.py:build", "net.py:build", {}),
        ("a/b/net.py:build:width=4,depth=3", "net.py:build", {"width": "4", "depth": "3"}),
        ("/x/net.py:Outer.Inner", "net.py:Outer.Inner", {}),
        ("torchvision.models:resnet18", "torchvision.models:resnet18", {}),
        ("my.pkg:Net:width=4", "my.pkg:Net", {"width": "4"}),
    ],
)
def test_a_file_or_module_with_what_makes_the_model_is_a_name(text, name, values):
    spec = parse(text, "model")
    assert (spec.name, dict(spec.values)) == (name, values)
    assert spec.target is not None


@pytest.mark.parametrize("text", ["mlp", "mlp:hidden_dim=4", "owner/mlp", "a.b:key=1"])
def test_a_name_stays_a_name(text):
    assert parse(text, "model").target is None


def test_several_are_separated_like_names():
    specs = parse_all(["net.py:build:width=4,depth=2,mlp", "net.py:Other"], "model")
    assert [s.name for s in specs] == ["net.py:build", "mlp", "net.py:Other"]


def test_a_file_alone_says_what_is_missing():
    with pytest.raises(UsageError) as said:
        parse("net.py", "model")
    assert "net.py:NAME" in said.value.hint


def test_parameters_are_those_of_the_callable(net):
    model, params = filled("net.py:TwoTower:width=4", *TOWER)
    assert (params.width, params.bias) == (4, True)
    assert not hasattr(params, "act"), "what no text can stand for keeps its default"
    assert model.build(params).user.embedding_dim == 4


@pytest.mark.parametrize(
    ("text", "inputs", "said"),
    [
        ("net.py:build", ["x=float32[batch,4]"], "width must be given: net.py:build:width=..."),
        ("net.py:build:width=a", ["x=float32[batch,4]"], "width=a is no int"),
        ("net.py:build:widht=4", ["x=float32[batch,4]"], "did you mean width"),
        ("net.py:no_types", ["x=float32[batch,4]"], "nobody says of what type"),
        ("net.py:table", ["x=float32[batch,4]"], "is dict and nothing that makes a module"),
        ("net.py:Other", ["x=float32[batch,4]"], "is a class and no torch.nn.Module"),
        ("net.py:nothing", [], "net.py:nothing returned int and no torch.nn.Module"),
        ("net.py:biuld", ["x=float32[batch,4]"], "did you mean build"),
        ("nit.py:build", [], "there is no file nit.py"),
        ("no.such:thing", [], "there is no module 'no'"),
        ("net.py:ready", [], "nobody says what goes in"),
        ("net.py:ready", ["x=float32[batch,4]", "x=float32[batch,4]"], "twice"),
    ],
)
def test_what_cannot_be_a_model_is_told_before_anything_is_measured(net, text, inputs, said):
    with pytest.raises(HarnessError) as raised:
        filled(text, *inputs)
    assert said in raised.value.message


def test_code_that_fails_is_named_by_its_file(net):
    net.write_text("import torch\n1 / 0\n")
    with pytest.raises(PluginError, match=r"net\.py:build: ZeroDivisionError"):
        filled("net.py:build", "x=float32[batch,4]")


def test_what_is_no_module_is_told_where_it_is_built(net):
    model, params = filled("net.py:nothing", "x=float32[batch,4]")
    with pytest.raises(UsageError, match=r"returned int and no torch\.nn\.Module"):
        model.build(params)


def test_a_module_that_is_there_is_taken_anew_each_time(net):
    model, params = filled("net.py:ready", "x=float32[batch,4]")
    first, second = model.build(params), model.build(params)
    assert first is not second
    assert torch.equal(first.weight, second.weight)


def test_another_process_finds_the_same_by_its_source(net):
    found = catalogue(*TOWER).get("model", parse("net.py:TwoTower", "model"))
    again = Catalogue(load(PluginRequest(), only={found.origin.source}))
    same = again.get("model", parse(f"{found.name}", "model").__class__(found.name, (), found.origin.source))
    assert same.origin == found.origin
    inputs = same.component.inputs(same.component.Params(), 2)
    assert [tuple(t.shape) for t in inputs.args] == [(2,), (2, 3)]


def test_other_inputs_are_another_case(net):
    _, one = filled("net.py:ready", "x=float32[batch,4]")
    _, other = filled("net.py:ready", "x=float32[batch,7,4]")
    assert one != other


def test_two_files_of_one_name_are_not_mixed_up(net, tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "net.py").write_text(NET)
    both = catalogue("x=float32[batch,4]")
    both.get("model", parse("net.py:ready", "model"))
    with pytest.raises(UsageError, match=r"both be called net\.py:ready"):
        both.get("model", parse("sub/net.py:ready", "model"))


TYPED = """
from __future__ import annotations
from typing import Annotated, Literal, Optional
import msgspec, torch

Size = Annotated[int, msgspec.Meta(ge=1, le=8)]

def build(
    size: Size = 2,
    act: Literal["relu", "gelu"] = "relu",
    drop: float | None = None,
    seed: Optional[int] = 3,
    old: int = None,
    table: dict | None = None,
    both: str | Literal["x"] = "x",
):
    return torch.nn.Linear(size, size)

def needs(size: Size, act: Literal["relu", "gelu"], drop: float | None):
    return torch.nn.Linear(size, size)
"""


@pytest.fixture
def typed(tmp_path, monkeypatch):
    (tmp_path / "typed.py").write_text(TYPED)
    monkeypatch.chdir(tmp_path)


X = "x=float32[batch,2]"


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("size=8,act=gelu", {"size": 8, "act": "gelu", "drop": None, "seed": 3}),
        ("drop=0.5,seed=none", {"drop": 0.5, "seed": None}),
        ("drop=none,old=4", {"drop": None, "old": 4}),
    ],
)
def test_choices_ranges_and_nothing_are_parameters_of_a_function(typed, text, given):
    _, params = filled(f"typed.py:build:{text}", X)
    assert {name: getattr(params, name) for name in given} == given
    assert not hasattr(params, "table"), "what no text can stand for keeps its default"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("build:size=0", "size=0 is no int from 1 to 8"),
        ("build:size=9", "size=9 is no int from 1 to 8"),
        ("build:act=elu", "act=elu is no 'relu' | 'gelu'"),
        ("build:drop=much", "drop=much is no float | None"),
        ("build:seed=1.5", "seed=1.5 is no int | None"),
        ("needs:act=gelu,drop=0.1", "size must be given"),
        ("needs:size=2", "act must be given"),
        ("needs:size=0,act=gelu", "size=0 is no int from 1 to 8 ("),
        ("needs:size=none,act=gelu", "size=none is no int from 1 to 8 ("),
    ],
)
def test_what_a_function_does_not_take_by_its_annotation_is_refused_like_a_plugins(typed, text, said):
    with pytest.raises(UsageError) as raised:
        filled(f"typed.py:{text}", X)
    assert said in raised.value.message
    assert raised.value.hint


def test_what_an_option_says_is_no_parameter_beside_the_others(net):
    for text in ("net.py:build:widht=4", "net.py:build:input=x"):
        with pytest.raises(UsageError, match=r"net\.py:build has no parameter") as raised:
            filled(text, "x=float32[batch,4]")
        assert raised.value.hint == "it takes width: int, depth: int = 2"


def test_only_what_a_file_defines_itself_is_offered(tmp_path):
    (tmp_path / "own.py").write_text(
        "from functools import partial\nfrom typing import Literal\nimport torch\nfrom torch import nn, randn\n"
        "class Net(nn.Module):\n    pass\n"
        "def build():\n    return Net()\n"
        "ready = nn.Linear(2, 2)\n"
    )
    with pytest.raises(UsageError, match="there is no 'biuld'; did you mean build") as raised:
        filled(f"{tmp_path / 'own.py'}:biuld")
    assert raised.value.hint == "callable there: Net, build, ready"


def test_what_a_package_brings_from_its_own_modules_is_offered(net):
    with pytest.raises(UsageError, match=r"did you mean .*Linear"):
        filled("torch.nn:Liner")


@pytest.mark.parametrize("name", ["dir.onnx", "dir.pt2", "dir.py:build"])
def test_a_folder_is_called_a_folder(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name.partition(":")[0]).mkdir()
    with pytest.raises(UsageError, match="is a folder") as raised:
        filled(name)
    assert raised.value.hint


# -- inputs ------------------------------------------------------------------------------------------


def test_inputs_go_by_name_where_the_order_is_another(net):
    model, params = filled("net.py:TwoTower", *reversed(TOWER))
    made = model.inputs(params, 4)
    assert sorted(made.kwargs) == ["item", "user"]
    assert model.build(params)(*made.args, **made.kwargs).shape == (4, 1)


def test_one_input_needs_no_name_that_forward_knows(net):
    model, params = filled("net.py:ready", "whatever=float32[batch,4]")
    assert len(model.inputs(params, 4).args) == 1


def test_an_input_that_forward_does_not_take_is_told_as_early_as_it_can_be(net, tmp_path):
    given = ("user=int64[batch;0..9]", "itme=float32[batch,3]")
    with pytest.raises(UsageError, match=r"takes no input 'itme' but user, item; did you mean item\?"):
        filled("net.py:TwoTower", *given)  # when it is planned
    model, params = filled("net.py:tower", *given)
    with pytest.raises(UsageError, match=r"takes no input 'itme' but user, item; did you mean item\?"):
        model.inputs(params, 4)  # what a function makes is not known before it has made it
    numpy.savez(tmp_path / "in.npz", user=numpy.arange(8), itme=numpy.ones((8, 3), "float32"))
    with pytest.raises(UsageError, match=r"takes no input 'itme'"):
        filled("net.py:TwoTower", file="in.npz")


def test_example_inputs_of_a_class_are_asked_with_the_batch(net):
    model, params = filled("net.py:Sample")
    torch.manual_seed(3)
    first = model.inputs(params, 6).args[0]
    torch.manual_seed(3)
    second = model.inputs(params, 6).args[0]
    assert first.shape == (6, 5)
    assert torch.equal(first, second), "building the module to ask it leaves the generators alone"


@pytest.mark.parametrize(
    ("code", "shape"),
    [
        ("def example_inputs(batch_size):\n    return torch.randn(batch_size, 4)\n", (6, 4)),
        ("example_inputs = torch.randn(2, 4)\n", (6, 4)),
        ("def example_inputs():\n    return (torch.randn(1, 4),)\n", (6, 4)),
        ("def example_inputs(n):\n    return {'input': torch.randn(n, 4)}\n", (6, 4)),
    ],
)
def test_example_inputs_beside_a_model_are_called_or_repeated(net, code, shape):
    net.write_text(NET + "\n" + code)
    model, params = filled("net.py:ready")
    made = model.inputs(params, 6)
    (tensor,) = [*made.args, *made.kwargs.values()]
    assert tuple(tensor.shape) == shape


def test_a_line_on_the_command_line_goes_before_the_example(net):
    model, params = filled("net.py:Sample", "x=float32[batch,9,5]")
    assert model.inputs(params, 2).args[0].shape == (2, 9, 5)


def test_arrays_of_a_file_are_inputs_by_name(net, tmp_path):
    numpy.savez(tmp_path / "in.npz", user=numpy.arange(8), item=numpy.ones((8, 3), "float32"))
    model, params = filled("net.py:TwoTower", file="in.npz")
    made = model.inputs(params, 4)
    assert made.args[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(UsageError, match="has 8 rows, and batch 9 needs 9"):
        model.inputs(params, 9)


def test_a_file_of_arrays_is_data_and_never_code(net, tmp_path):
    numpy.savez(tmp_path / "bad.npz", x=numpy.array([print, 3], dtype=object))
    (tmp_path / "no.npz").write_bytes(pickle.dumps({"x": print}))
    numpy.savez(tmp_path / "words.npz", x=numpy.array(["a", "b"]))
    for file, said in (
        ("bad.npz", "--inputs bad.npz: x holds pickled Python objects, which are never loaded"),
        ("no.npz", "--inputs no.npz is no .npz file"),
        ("words.npz", "--inputs words.npz: x has no numbers but <U1"),
    ):
        # When the model is looked for, and so before anything is measured.
        with pytest.raises(UsageError) as raised:
            filled("net.py:ready", file=file)
        assert raised.value.message == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "is no NAME=DTYPE"),
        ("x=float32", "is no NAME=DTYPE"),
        ("x=float33[batch]", "did you mean float32"),
        ("x=float32[batch,0]", "'0' is no size"),
        ("x=float32[batch,n]", "'n' is no size"),
        ("x=int64[batch]", "which integers?"),
        ("x=int64[batch;5..1]", "is no range"),
        ("x=int64[batch;0.5..3]", "no whole numbers"),
        ("x=bool[batch;0..1]", "takes no range"),
        ("x=uint8[batch;0..300]", "uint8 has numbers from 0 to 255, not 0..300"),
        ("x=int8[batch;-129..0]", "int8 has numbers from -128 to 127"),
        ("x=int64[batch;0..9223372036854775807]", "int64 has numbers from -9.2233"),
        ("x=float16[batch;0..70000]", "float16 has numbers from -65504 to 65504"),
    ],
)
def test_a_line_that_describes_no_input_is_told(text, said):
    with pytest.raises(UsageError) as raised:
        drawn.parse(text)
    assert said in raised.value.message


@given(
    st.sampled_from(list(drawn.DTYPES)),
    st.lists(st.integers(1, 4), max_size=3),
    st.integers(-100, 100),
    st.integers(0, 50),
)
def test_what_is_drawn_is_as_described(dtype, dims, low, wide):
    low = abs(low) if dtype == "uint8" else low
    span = "" if dtype == "bool" else f";{low}..{min(low + wide, 127)}"
    described = drawn.parse(f"x={dtype}[{','.join(['batch', *map(str, dims)])}{span}]")
    assert drawn.parse(str(described)) == described
    tensor = described.tensor(3)
    assert tuple(tensor.shape) == (3, *dims)
    assert tensor.dtype == getattr(torch, dtype)
    if dtype != "bool":
        assert low <= tensor.double().min() and tensor.double().max() <= min(low + wide, 127)


@given(st.text(max_size=40))
def test_any_text_is_described_or_refused(text):
    with contextlib.suppress(UsageError):
        drawn.parse(text)


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_none(text):
    found = targets.split(text)
    if found is not None:
        target, _ = found
        assert targets.of_source(target.source).attribute == target.attribute


def test_both_ways_to_say_what_goes_in_contradict_each_other(tmp_path):
    (tmp_path / "in.npz").write_bytes(b"")
    with pytest.raises(UsageError, match="--input and --inputs"):
        targets.given(["x=float32[batch]"], str(tmp_path / "in.npz"))
    with pytest.raises(UsageError, match="no such file"):
        targets.given([], str(Path(tmp_path / "gone.npz")))


def test_inputs_that_forward_takes_by_name_alone_are_given_by_name(tmp_path):
    (tmp_path / "byname.py").write_text(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def forward(self, x, *, scale):\n        return x * scale\n"
    )
    said = ("x=float32[batch,16]", "scale=float32[batch,1]")
    model, params = filled(f"{tmp_path / 'byname.py'}:Net", *said)
    inputs = model.inputs(params, 2)
    assert "scale" in inputs.kwargs
    assert model.build(params)(*inputs.args, **inputs.kwargs).shape == (2, 16)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "float16", "bfloat16", "float32"])
def test_both_ends_of_a_type_can_be_asked_for(dtype):
    info = torch.finfo if getattr(torch, dtype).is_floating_point else torch.iinfo
    most = info(getattr(torch, dtype)).max
    end = f"{float(most):.4e}" if info is torch.finfo and dtype != "float16" else f"{most:.0f}"
    one = drawn.parse(f"x={dtype}[batch;0..{end}]")
    assert torch.isfinite(one.tensor(64).double()).all()

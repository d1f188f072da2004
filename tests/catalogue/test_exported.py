"""Files that are models: what they take is read from them."""

import zipfile

import pytest
import torch

from harness.catalogue import Catalogue, PluginRequest, load
from harness.catalogue.adopted import digest
from harness.catalogue.specs import parse
from harness.catalogue.targets import split
from harness.errors import Unsupported, UsageError


class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(10, 4)
        self.linear = torch.nn.Linear(3, 4)

    def forward(self, ids, x):
        return self.table(ids) * self.linear(x)


def filled(text, *inputs):
    catalogue = Catalogue(load(PluginRequest.from_options((), inputs)))
    provided, params = catalogue.fill("model", parse(text, "model"))
    return provided.component, params


EXAMPLE = torch.tensor([1, 7]), torch.randn(2, 3)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """One file with an open batch, one with a fixed one."""
    folder = tmp_path_factory.mktemp("exported")
    batch = torch.export.Dim("batch", min=1, max=64)
    open_ = torch.export.export(Two().eval(), EXAMPLE, dynamic_shapes=({0: batch}, {0: batch}))
    torch.export.save(open_, folder / "open.pt2")
    torch.export.save(torch.export.export(Two().eval(), EXAMPLE), folder / "fixed.pt2")
    return folder


def test_a_program_is_called_with_numbers_like_its_example(exported):
    model, params = filled(f"{exported}/open.pt2")
    assert model.name == "open.pt2"
    inputs = model.inputs(params, 5)
    ids, x = inputs.args
    assert (ids.shape, x.shape) == ((5,), (5, 3))
    assert ids.min() >= 1 and ids.max() <= 7
    module = model.build(params).eval()
    assert module(*inputs.args).shape == (5, 4)


def test_a_fixed_batch_is_no_other(exported):
    model, params = filled(f"{exported}/fixed.pt2")
    assert model.inputs(params, 2).args[0].shape == (2,)
    with pytest.raises(Unsupported, match="exported for batch 2 alone"):
        model.inputs(params, 3)


def test_inputs_of_a_program_can_be_described(exported):
    model, params = filled(f"{exported}/open.pt2", "x=float32[batch,3]", "ids=int64[batch;0..9]")
    made = model.inputs(params, 4)
    assert sorted(made.kwargs) == ["ids", "x"]


def test_what_is_no_program_is_told(tmp_path):
    with pytest.raises(UsageError, match="there is no file"):
        filled(f"{tmp_path}/gone.pt2")


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    folder = tmp_path_factory.mktemp("graph")
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    m = helper.make_tensor_value_info("mask", TensorProto.BOOL, ["batch", "length"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])
    relu = helper.make_node("Relu", ["x"], ["y"])
    made = helper.make_graph([relu], "g", [x], [y])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)]), folder / "net.onnx")
    made = helper.make_graph([relu], "g", [x, m], [y])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)]), folder / "open.onnx")
    (folder / "bad.onnx").write_bytes(b"no graph")
    return folder


def test_a_graph_says_what_it_takes_and_computes_as_it_is_written(graph):
    model, params = filled(f"{graph}/net.onnx")
    made = model.inputs(params, 4)
    assert {n: tuple(t.shape) for n, t in made.kwargs.items()} == {"x": (4, 3)}
    found = model.build(params)(**made.kwargs)
    assert torch.equal(found, made.kwargs["x"].relu())


def test_a_size_that_is_open_must_be_said(graph):
    with pytest.raises(UsageError, match="length of input mask are open") as raised:
        filled(f"{graph}/open.onnx")
    assert raised.value.hint == "say them: --input mask=bool[batch,N]"
    model, params = filled(f"{graph}/open.onnx", "x=float32[batch,3]", "mask=bool[batch,7]")
    assert model.input_names(model.inputs(params, 2)) == ["x", "mask"]


def test_what_is_no_graph_is_told(graph):
    with pytest.raises(UsageError, match=r"bad\.onnx cannot be read as ONNX"):
        filled(f"{graph}/bad.onnx")


def test_a_damaged_file_is_one_line_and_nothing_in_it_is_run(exported, tmp_path):
    whole = (exported / "open.pt2").read_bytes()
    with zipfile.ZipFile(exported / "open.pt2") as good, zipfile.ZipFile(tmp_path / "odd.pt2", "w") as odd:
        for name in good.namelist():
            odd.writestr(name, good.read(name).replace(b"aten.embedding", b"aten.embeddinh"))
    (tmp_path / "cut.pt2").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pt2").write_bytes(b"")
    (tmp_path / "empty.onnx").write_bytes(b"")
    (tmp_path / "noise.onnx").write_bytes(bytes(range(256)))
    torch.save(Two(), tmp_path / "saved.pt2")
    for name, said in (
        ("odd.pt2", "odd.pt2 cannot be read as a program of torch.export: it is damaged"),
        ("cut.pt2", "cut.pt2 is no program of torch.export: File is not a zip file"),
        ("empty.pt2", "empty.pt2 is no program of torch.export"),
        ("saved.pt2", "saved.pt2 is a file of torch.save and no program of torch.export"),
        ("empty.onnx", "empty.onnx has no graph in it"),
        ("noise.onnx", "noise.onnx cannot be read as ONNX"),
    ):
        with pytest.raises(UsageError) as raised:
            filled(str(tmp_path / name))
        assert said in raised.value.message
        assert "\n" not in raised.value.message


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_file_says_in_which_format_it_was_rounded(graphs, tmp_path, dtype):
    model, _ = filled(str(graphs.layers(tmp_path / "net.onnx", dtype)))
    assert model.dtype == dtype
    module = torch.nn.Linear(4, 4).to(getattr(torch, dtype))
    program = torch.export.export(module, (torch.randn(2, 4).to(getattr(torch, dtype)),))
    torch.export.save(program, tmp_path / "net.pt2")
    model, _ = filled(f"{tmp_path}/net.pt2")
    assert model.dtype == dtype


def test_an_input_without_a_batch_keeps_its_sizes_at_every_batch(graphs, tmp_path):
    kind, nodes = graphs.FLOAT32, [("MatMul", ("x", "table"), "a"), ("Mul", ("a", "scale"), "y")]
    takes = [("x", kind, ["batch", 3]), ("table", kind, [3, 5]), ("scale", kind, [])]
    path = graphs.write(tmp_path / "net.onnx", takes, nodes, (kind, ["batch", 5]))
    model, params = filled(str(path))
    for size in (1, 4):
        made = model.inputs(params, size).kwargs
        assert [tuple(t.shape) for t in made.values()] == [(size, 3), (3, 5), ()]
        assert model.build(params)(**made).shape == (size, 5)


def test_a_batch_that_is_another_axis_of_a_state_is_the_batch(graphs, tmp_path):
    kind, nodes = graphs.FLOAT32, [("Add", ("x", "state"), "y")]
    takes = [("x", kind, ["batch", 3]), ("state", kind, [2, "batch", 3])]
    path = graphs.write(tmp_path / "net.onnx", takes, nodes, (kind, [2, "batch", 3]))
    model, params = filled(str(path))
    assert [tuple(t.shape) for t in model.inputs(params, 4).kwargs.values()] == [(4, 3), (2, 4, 3)]


def test_the_batch_of_a_fixed_graph_is_what_its_output_has_too(graphs, tmp_path):
    kind = graphs.FLOAT32
    takes = [("table", kind, [3, 5]), ("x", kind, [4, 3])]
    path = graphs.write(tmp_path / "net.onnx", takes, [("MatMul", ("x", "table"), "y")], (kind, [4, 5]))
    model, params = filled(str(path))
    assert [tuple(t.shape) for t in model.inputs(params, 4).kwargs.values()] == [(3, 5), (4, 3)]
    with pytest.raises(Unsupported, match="exported for batch 4 alone: -b 4"):
        model.inputs(params, 3)


class Scaled(torch.nn.Module):
    def forward(self, table, x, scale):
        return x @ table * scale


SCALED = torch.randn(3, 5), torch.randn(4, 3), torch.tensor(2.0)


def test_a_program_with_an_input_without_a_batch_is_called_at_every_batch_of_its_range(tmp_path):
    batch = torch.export.Dim("batch", min=2, max=16)
    program = torch.export.export(Scaled(), SCALED, dynamic_shapes=(None, {0: batch}, None))
    torch.export.save(program, tmp_path / "net.pt2")
    model, params = filled(f"{tmp_path}/net.pt2")
    for size in (2, 16):
        made = model.inputs(params, size).args
        assert [tuple(t.shape) for t in made] == [(3, 5), (size, 3), ()]
        assert model.build(params)(*made).shape == (size, 5)
    for size, near in ((1, 2), (17, 16)):
        with pytest.raises(Unsupported, match=f"exported for batches from 2 to 16: -b {near}"):
            model.inputs(params, size)


def test_the_batch_of_a_fixed_program_is_what_its_output_has_too(tmp_path):
    torch.export.save(torch.export.export(Scaled(), SCALED), tmp_path / "net.pt2")
    model, params = filled(f"{tmp_path}/net.pt2")
    assert [tuple(t.shape) for t in model.inputs(params, 4).args] == [(3, 5), (4, 3), ()]
    with pytest.raises(Unsupported, match="exported for batch 4 alone: -b 4"):
        model.inputs(params, 3)


@pytest.fixture
def two(graphs, tmp_path):
    takes = [(name, graphs.FLOAT32, ["batch", 3]) for name in ("left", "right")]
    nodes = [("Add", ("left", "right"), "y")]
    return str(graphs.write(tmp_path / "two.onnx", takes, nodes, (graphs.FLOAT32, ["batch", 3])))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        (
            ["left=float32[batch,3]", "rigth=float32[batch,3]"],
            "no input 'rigth' but left, right; did you mean",
        ),
        (["lfet=float32[batch,3]"], "takes no input 'lfet' but left, right"),
        (["left=float32[batch,3]"], "takes left, right, and nobody says what goes into right"),
    ],
)
def test_inputs_that_a_graph_does_not_have_or_lacks_are_told_when_it_is_planned(two, inputs, said):
    with pytest.raises(UsageError) as raised:
        filled(two, *inputs)
    assert said in raised.value.message
    assert raised.value.hint


def test_an_input_that_a_program_does_not_have_is_told_when_it_is_planned(exported):
    with pytest.raises(UsageError, match="takes no input 'idz' but ids, x; did you mean ids"):
        filled(f"{exported}/open.pt2", "x=float32[batch,3]", "idz=int64[batch;0..9]")


@pytest.mark.parametrize(("domain", "called"), [("", "Relux"), ("my.ops", "my.ops.Relux")])
def test_an_operator_that_no_runtime_has_is_named_when_it_is_planned(graphs, tmp_path, domain, called):
    kind = graphs.FLOAT32
    nodes = [("Relux", ("x",), "y", domain)]
    path = graphs.write(tmp_path / "net.onnx", [("x", kind, ["batch", 3])], nodes, (kind, ["batch", 3]))
    with pytest.raises(UsageError, match=f"operators that ONNX Runtime does not have: {called}$"):
        filled(str(path))


def test_weights_that_lie_beside_a_graph_must_be_there(graphs, tmp_path):
    saving = {"save_as_external_data": True, "location": "net.data", "size_threshold": 0}
    kind, weights = graphs.FLOAT32, {"w": torch.ones(3, 3).numpy()}
    x, nodes = ("x", kind, ["batch", 3]), [("MatMul", ("x", "w"), "y")]
    path = graphs.write(tmp_path / "net.onnx", [x], nodes, (kind, ["batch", 3]), weights, **saving)
    model, params = filled(str(path))
    assert model.build(params)(**model.inputs(params, 2).kwargs).shape == (2, 3)
    (tmp_path / "net.data").unlink()
    with pytest.raises(UsageError, match=r"its weights are in net\.data, and there is no such file"):
        filled(str(path))


@pytest.mark.parametrize("beside", ["net.onnx.data", "net.onnx_data"])
def test_weights_beside_a_file_are_a_part_of_what_it_is_known_by(tmp_path, beside):
    (tmp_path / "net.onnx").write_bytes(b"a graph")
    target, _ = split(str(tmp_path / "net.onnx"))
    alone = digest(target)
    (tmp_path / beside).write_bytes(b"weights")
    before = digest(target)
    (tmp_path / beside).write_bytes(b"WEIGHTS")
    (tmp_path / "another.onnx.data").write_bytes(b"of another")
    assert len({alone, before, digest(target)}) == 3


@pytest.mark.parametrize("sizes", [["time", "batch", 3], [3, "batch", 3]])
def test_a_size_called_batch_that_does_not_come_first_must_be_said_too(graphs, tmp_path, sizes):
    kind, weights = graphs.FLOAT32, {"w": torch.ones(3, 3).numpy()}
    path = graphs.write(
        tmp_path / "net.onnx",
        [("x", kind, sizes)],
        [("MatMul", ("x", "w"), "y")],
        (kind, sizes),
        weights,
    )
    with pytest.raises(UsageError, match="the sizes batch of input x are open"):
        filled(str(path))

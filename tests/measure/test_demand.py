"""What a model asks for, counted on models whose numbers can be worked out by hand."""

from contextlib import nullcontext
from types import SimpleNamespace

import pytest
import torch

from harness.components import Inputs
from harness.measure.demand import watch

F32, BF16 = 4, 2


def demand(module, *inputs, autocast=None, weights_bytes=None):
    """The demand of a module that a plain runner runs."""
    work = SimpleNamespace(
        case=SimpleNamespace(precision="p"),
        runner=SimpleNamespace(recipes={}),
        precision=SimpleNamespace(
            how="native",
            context=lambda device: torch.autocast("cpu", dtype=autocast) if autocast else nullcontext(),
        ),
        model=SimpleNamespace(reset=lambda module: None),
        module=module.eval(),
        device=None,
        raw_inputs=lambda number: Inputs(*inputs),
        ready_inputs=lambda raw: raw,
    )
    return watch(work, weights_bytes)[0]


def mlp():
    return torch.nn.Sequential(
        torch.nn.Linear(512, 2048),
        torch.nn.ReLU(),
        torch.nn.Linear(2048, 2048),
        torch.nn.ReLU(),
        torch.nn.Linear(2048, 2048),
        torch.nn.ReLU(),
        torch.nn.Linear(2048, 512),
    )


MLP_WEIGHTS = 512 * 2048 + 2048 * 2048 * 2 + 2048 * 512
MLP_BIASES = 3 * 2048 + 512


@pytest.mark.parametrize("batch", [1, 7])
def test_a_perceptron_multiplies_every_weight_once_for_each_sample(batch):
    found = demand(mlp(), torch.randn(batch, 512))
    assert found.flops == 2 * batch * MLP_WEIGHTS
    assert found.flops_by_format == {"float32": found.flops}
    assert found.operators == 7  # four products, three activations; views are none
    assert found.casts == found.cast_bytes == 0


def test_nobody_moves_less_than_weights_inputs_and_outputs_once():
    found = demand(mlp(), torch.randn(3, 512))
    weights = (MLP_WEIGHTS + MLP_BIASES) * F32
    assert found.weights_bytes == weights
    assert found.least_bytes == weights + 3 * (512 + 512) * F32
    between = 3 * 3 * 2048 * F32
    # Each product reads its input and writes its output, each activation both once more.
    assert found.moved_bytes == weights + 3 * (512 + 512) * F32 + 2 * between + 2 * between
    assert found.largest_bytes == 3 * 2048 * F32


def test_autocast_casts_every_weight_in_every_call():
    found = demand(mlp(), torch.randn(2, 512), autocast=torch.bfloat16)
    # Four weights, four biases, and the input; what is between is bfloat16 already.
    assert (found.casts, found.weight_casts) == (9, 8)
    assert found.cast_bytes == (MLP_WEIGHTS + MLP_BIASES + 2 * 512) * (F32 + BF16)
    assert set(found.flops_by_format) == {"bfloat16"}
    assert found.weights_bytes == (MLP_WEIGHTS + MLP_BIASES) * F32


def test_weights_kept_in_half_precision_are_half_the_bytes_and_never_cast():
    found = demand(mlp().bfloat16(), torch.randn(2, 512).bfloat16())
    assert found.casts == 0
    assert found.weights_bytes == (MLP_WEIGHTS + MLP_BIASES) * BF16
    assert found.flops == 2 * 2 * MLP_WEIGHTS


@pytest.mark.parametrize("kind", ["embedding", "bag"])
def test_an_embedding_reads_the_rows_that_are_looked_up_and_not_its_table(kind):
    table = torch.nn.Embedding(10_000, 16) if kind == "embedding" else torch.nn.EmbeddingBag(10_000, 16)
    found = demand(table, torch.randint(0, 10_000, (2, 5)))
    assert found.weights_bytes == 10_000 * 16 * F32
    rows, made = 10 * 16 * F32, (10 if kind == "embedding" else 2) * 16 * F32
    assert rows + made <= found.moved_bytes < 3 * rows + 1000
    assert found.least_bytes == rows + 10 * 8 + made
    assert found.flops == 0


def test_a_convolution_multiplies_its_kernel_at_every_place():
    found = demand(torch.nn.Conv2d(3, 8, 3, padding=1), torch.randn(2, 3, 16, 16))
    assert found.flops == 2 * 2 * 16 * 16 * 8 * 3 * 3 * 3
    assert found.formats == {"float32": 1}


def test_attention_is_counted_on_processors_too():
    class Attend(torch.nn.Module):
        def forward(self, x):
            return torch.nn.functional.scaled_dot_product_attention(x, x, x)

    found = demand(Attend(), torch.randn(2, 4, 8, 16))
    assert found.flops == 2 * (2 * 2 * 4 * 8 * 8 * 16)


def test_a_recurrent_layer_meets_its_matrices_at_every_step():
    found = demand(torch.nn.LSTM(8, 16, batch_first=True), torch.randn(3, 5, 8))
    assert found.flops == 2 * 3 * 5 * (4 * 16 * 8 + 4 * 16 * 16)


def test_a_layer_that_torch_runs_as_one_operator_is_counted_all_the_same():
    layer = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    found = demand(layer, torch.randn(2, 4, 16))
    products = 2 * 2 * 4 * (16 * 48 + 16 * 16 + 2 * 16 * 32)
    attention = 2 * (2 * 2 * 2 * 4 * 4 * 8)
    assert found.flops == products + attention
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_model_that_enters_inference_mode_itself_is_counted():
    class Inside(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.net = mlp()

        def forward(self, x):
            with torch.inference_mode():
                return self.net(x)

    assert demand(Inside(), torch.randn(2, 512)).flops == 2 * 2 * MLP_WEIGHTS


@torch.library.custom_op("harness_tests::fused_gemm", mutates_args=())
def fused_gemm(x: torch.Tensor) -> torch.Tensor:
    return x @ x


def test_a_product_that_nobody_can_count_leaves_the_operations_unknown():
    class Own(torch.nn.Module):
        def forward(self, x):
            return fused_gemm(x)

    found = demand(Own(), torch.randn(8, 8))
    assert found.flops is None
    assert found.operators == 1


def test_views_move_nothing_and_a_copy_reads_what_it_copies():
    class Look(torch.nn.Module):
        def forward(self, x):
            return x.view(4, 4).t()[1:].unsqueeze(0)

    class Copy(torch.nn.Module):
        def forward(self, x):
            return x.clone()

    assert demand(Look(), torch.randn(16)).operators == 0
    assert demand(Copy(), torch.randn(16)).moved_bytes == 2 * 16 * F32


def test_a_copy_into_another_format_is_a_cast():
    class Into(torch.nn.Module):
        def forward(self, x):
            return torch.empty(16, dtype=torch.bfloat16).copy_(x)

    found = demand(Into(), torch.randn(16))
    assert (found.casts, found.cast_bytes) == (1, 16 * (F32 + BF16))


def test_what_the_session_says_of_its_weights_counts():
    assert demand(mlp(), torch.randn(1, 512), weights_bytes=123).weights_bytes == 123


def test_a_runner_with_its_own_way_to_the_precision_has_the_float32_model_counted_as_a_stand_in():
    module = mlp().eval()
    work = SimpleNamespace(
        case=SimpleNamespace(precision="int8-dynamic"),
        runner=SimpleNamespace(recipes={"int8-dynamic": None}),
        precision=SimpleNamespace(how="quantised"),
        model=SimpleNamespace(reset=lambda module: None),
        device=None,
        raw_module=lambda: module,
        raw_inputs=lambda number: Inputs(torch.randn(1, 512)),
    )
    found = watch(work, MLP_WEIGHTS)[0]
    assert found.stand_in
    assert found.weights_bytes == MLP_WEIGHTS
    assert not demand(module, torch.randn(1, 512)).stand_in

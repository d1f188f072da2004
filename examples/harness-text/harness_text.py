"""Transformers for text, built from their configurations with random weights: nothing is downloaded."""

from dataclasses import dataclass
from importlib.util import find_spec

import harness


class _Text(harness.Model):
    """What both share: random tokens, and a throughput in tokens."""

    unit = "tokens"

    @dataclass(frozen=True)
    class Params:
        layers: int = 12
        hidden: int = 768
        heads: int = 12
        vocabulary: int = 30522
        length: int = 128

        def __post_init__(self):
            if self.hidden % self.heads:
                raise ValueError(f"hidden ({self.hidden}) must be a multiple of heads ({self.heads})")

    def available(self):
        if find_spec("transformers") is None:
            return "transformers is not installed: pip install transformers"
        return None

    def items(self, params, batch_size):
        return batch_size * params.length

    def tokens(self, params, batch_size):
        import torch

        return torch.randint(params.vocabulary, (batch_size, params.length))


class Bert(_Text):
    """An encoder: a vector for each token, and one for the whole text."""

    name = "bert"
    summary = "BertModel of transformers from a configuration; random weights"

    def build(self, params):
        _bear_torchvision()
        from transformers import BertConfig, BertModel

        config = BertConfig(
            vocab_size=params.vocabulary,
            hidden_size=params.hidden,
            num_hidden_layers=params.layers,
            num_attention_heads=params.heads,
            intermediate_size=4 * params.hidden,
            max_position_embeddings=max(512, params.length),
        )
        return BertModel(config)

    def inputs(self, params, batch_size):
        import torch

        # The last eighth of each text is padding.
        mask = torch.ones(batch_size, params.length, dtype=torch.int64)
        mask[:, params.length - params.length // 8 :] = 0
        return harness.Inputs(input_ids=self.tokens(params, batch_size), attention_mask=mask)


class Gpt2(_Text):
    """A decoder: the scores of the next token after each one, without a cache."""

    name = "gpt2"
    summary = "GPT2LMHeadModel of transformers from a configuration, one pass over a prompt; random weights"

    @dataclass(frozen=True)
    class Params(_Text.Params):
        vocabulary: int = 50257

    def build(self, params):
        _bear_torchvision()
        from transformers import GPT2Config, GPT2LMHeadModel

        config = GPT2Config(
            vocab_size=params.vocabulary,
            n_embd=params.hidden,
            n_layer=params.layers,
            n_head=params.heads,
            n_positions=max(1024, params.length),
            use_cache=False,
        )
        return GPT2LMHeadModel(config)

    def inputs(self, params, batch_size):
        return harness.Inputs(input_ids=self.tokens(params, batch_size))


_LIBRARIES = []
"""Operators that were declared in torchvision's place live as long as this does."""


def _bear_torchvision():
    """transformers imports torchvision where there is one, and no model of it loads beside one that was built
    for another torch. What stops such a one are two operators that no text model needs: so they are declared.
    """
    if find_spec("torchvision") is None:
        return
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)


@harness.hookimpl
def harness_models():
    yield Bert()
    yield Gpt2()

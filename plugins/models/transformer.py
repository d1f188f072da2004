"""A stack of pre-norm transformer encoder blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import harness

from .initialise import he

if TYPE_CHECKING:
    import torch


class Transformer(harness.Model):
    """Input and output (batch, seq_len, d_model); attention by scaled_dot_product_attention."""

    name = "transformer"
    summary = "encoder blocks with multi-head attention over (batch, seq, d_model)"

    @dataclass(frozen=True)
    class Params:
        d_model: int = 256
        n_heads: int = 8
        n_layers: int = 2
        seq_len: int = 64

        def __post_init__(self) -> None:
            for name, value in vars(self).items():
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, not {value}")
            if self.d_model % self.n_heads:
                raise ValueError(f"d_model={self.d_model} is no multiple of n_heads={self.n_heads}")

    def build(self, params: Params) -> torch.nn.Module:
        from torch import nn

        blocks = [_block(params.d_model, params.n_heads) for _ in range(params.n_layers)]
        return he(nn.Sequential(*blocks, nn.LayerNorm(params.d_model)))

    def inputs(self, params: Params, batch_size: int) -> harness.Inputs:
        import torch

        return harness.Inputs(torch.randn(batch_size, params.seq_len, params.d_model))


def _block(d_model: int, n_heads: int) -> torch.nn.Module:
    """One encoder block: attention and a feed-forward layer of four times the width, both residual."""
    from torch import nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm_attention = nn.LayerNorm(d_model)
            self.qkv = nn.Linear(d_model, 3 * d_model)
            self.project = nn.Linear(d_model, d_model)
            self.norm_feed = nn.LayerNorm(d_model)
            self.feed = nn.Sequential(
                nn.Linear(d_model, 4 * d_model), nn.GELU(), nn.Linear(4 * d_model, d_model)
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            batch, seq, width = x.shape
            qkv = self.qkv(self.norm_attention(x))
            q, k, v = qkv.view(batch, seq, 3, n_heads, width // n_heads).permute(2, 0, 3, 1, 4)
            attended = nn.functional.scaled_dot_product_attention(q, k, v)
            x = x + self.project(attended.transpose(1, 2).reshape(batch, seq, width))
            fed: torch.Tensor = x + self.feed(self.norm_feed(x))
            return fed

    return Block()

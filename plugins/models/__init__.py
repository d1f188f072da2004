"""The models in the box: small, of known shapes, with weights drawn so that outputs answer to inputs."""

from __future__ import annotations

from collections.abc import Iterable

import harness

from .cnn import Cnn
from .mlp import Mlp
from .transformer import Transformer


@harness.hookimpl
def harness_models() -> Iterable[harness.Model]:
    yield Mlp()
    yield Cnn()
    yield Transformer()

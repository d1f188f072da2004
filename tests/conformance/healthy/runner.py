"""A runner of its own kind: numpy, one model, its own buffers, and files that it makes beforehand."""

import numpy as np
import torch

import harness


class NumpySession(harness.Session):
    def __init__(self, work):
        kept = np.load(work.dir / "weights.npz")
        self.layers = [(kept[f"w{n}"], kept[f"b{n}"]) for n in range(len(kept.files) // 2)]

    def bind(self, inputs):
        return inputs.args[0].numpy()

    def __call__(self, feed):
        *inner, (weight, bias) = self.layers
        for w, b in inner:
            feed = np.maximum(feed @ w + b, 0)
        return feed @ weight + bias

    def leaves(self, raw):
        return [torch.from_numpy(raw)]

    def facts(self):
        return {"layers": len(self.layers), "numpy": np.__version__}

    def weights_bytes(self):
        return sum(w.nbytes + b.nbytes for w, b in self.layers)

    def close(self):
        self.layers = []


class Numpy(harness.Runner):
    name = "numpy"
    summary = "linear layers with ReLU in numpy, from a file"
    concurrent = True

    def supports(self, case):
        if case.model.name != "mlp" or case.precision.name != "fp32":
            return "it runs mlp in fp32: try -m mlp -p fp32"
        return None

    def build(self, work):
        layers = [c for c in work.module if isinstance(c, torch.nn.Linear)]
        arrays = {}
        for n, layer in enumerate(layers):
            arrays[f"w{n}"] = layer.weight.detach().numpy().T
            arrays[f"b{n}"] = layer.bias.detach().numpy()
        np.savez(work.dir / "weights.npz", **arrays)

    def load(self, work):
        return NumpySession(work)


@harness.hookimpl
def harness_runners():
    yield Numpy()

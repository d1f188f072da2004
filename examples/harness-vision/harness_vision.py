"""Image classifiers of torchvision and timm, with random weights: nothing is downloaded."""

from dataclasses import dataclass
from importlib.util import find_spec

import harness

CALIBRATION = 16
"""Images that batch normalisation takes its statistics from."""


class _Images(harness.Model):
    """What both libraries' classifiers share: square images of random numbers."""

    unit = "images"

    @dataclass(frozen=True)
    class Params:
        architecture: str = "resnet18"
        image_size: int = 224
        classes: int = 1000

        def __post_init__(self):
            if self.image_size < 32:
                raise ValueError(f"image_size must be at least 32, not {self.image_size}")

    def available(self):
        missing = [name for name in ("torchvision", "timm") if find_spec(name) is None]
        return f"{missing[0]} is not installed: pip install {missing[0]}" if missing else None

    def inputs(self, params, batch_size):
        return harness.Inputs(_images(params, batch_size))


class Torchvision(_Images):
    """`torchvision:architecture=resnet50`."""

    name = "torchvision"
    summary = "a classifier of torchvision.models, by its name there; random weights"

    def build(self, params):
        models = _torchvision().models
        if params.architecture not in models.list_models(module=models):
            raise ValueError(f"torchvision has no classifier {params.architecture!r}")
        return _settled(
            models.get_model(params.architecture, weights=None, num_classes=params.classes), params
        )


class Timm(_Images):
    """`timm:architecture=vit_small_patch16_224`."""

    name = "timm"
    summary = "a classifier of timm, by its name there; random weights"

    @dataclass(frozen=True)
    class Params(_Images.Params):
        architecture: str = "vit_tiny_patch16_224"

    def build(self, params):
        _torchvision()
        import timm

        if params.architecture not in timm.list_models():
            raise ValueError(f"timm has no model {params.architecture!r}")
        return _settled(
            timm.create_model(params.architecture, pretrained=False, num_classes=params.classes), params
        )


def _images(params, count):
    """Random patches of colour under some noise. All noise looks alike to a classifier."""
    import torch

    size = params.image_size
    patches = torch.nn.functional.interpolate(torch.randn(count, 3, 7, 7), (size, size), mode="bilinear")
    return patches + 0.3 * torch.randn(count, 3, size, size)


def _settled(module, params):
    """Without training a classifier answers nearly the same to every image. Statistics of batch normalisation
    are taken from some random images, and the last layer is drawn anew, so that answers differ.
    """
    import torch

    last = [m for m in module.modules() if isinstance(m, torch.nn.Linear)][-1:]
    for layer in last:
        torch.nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
    norms = [m for m in module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if norms:
        for norm in norms:
            norm.momentum = None  # the mean over all that is seen
        module.train()
        with torch.no_grad():
            module(_images(params, CALIBRATION))
    return module.eval()


_LIBRARIES = []
"""Operators that were declared in torchvision's place live as long as this does."""


def _torchvision():
    """torchvision, also where its compiled part was built for another torch.

    PyPI's torchvision is built for CUDA. Beside a torch for the CPU its compiled part does not load, and
    Python stops at the first operator that it would have declared. Classifiers need none of them.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        import torch

        library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        import torchvision
    return torchvision


@harness.hookimpl
def harness_models():
    yield Torchvision()
    yield Timm()

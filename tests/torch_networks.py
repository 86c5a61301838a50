"""The literature's networks as modules of torch, from the layers that their sources list.

They are oracles of `slimdc.networks`, and share nothing with it but the names of parameters.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["features_and_gradients", "module_of"]

# (filters, kernel, padding), "A" for average and "M" for max pooling; for images of 3 channels.
LAYERS: dict[str, tuple[Any, ...]] = {
    "convnet-in": ((128, 3, 1), "A") * 3,
    "alexnet": (
        *((128, 5, 2), "M", (192, 5, 2), "M"),
        *((256, 3, 1), (192, 3, 1), (192, 3, 1), "M"),
    ),
    "vgg11": (
        *((64, 3, 1), "M", (128, 3, 1), "M", (256, 3, 1), (256, 3, 1), "M"),
        *((512, 3, 1), (512, 3, 1), "M", (512, 3, 1), (512, 3, 1), "M"),
    ),
}
# (before, after, stride) of each block, after a stem of 64 filters.
BLOCKS = (
    *((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1)),
    *((128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1)),
)


def _normalisation(norm: str, channels: int) -> nn.Module:
    if norm == "none":
        return nn.Identity()
    made = nn.GroupNorm(channels, channels) if norm == "instance" else nn.BatchNorm2d(channels)
    return made.double()


class _Block(nn.Module):
    def __init__(self, before: int, after: int, stride: int, norm: str) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = _normalisation(norm, after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = _normalisation(norm, after)
        self.shortcut = self.shortcut_norm = None
        if stride == 2:
            self.shortcut = nn.Conv2d(before, after, 1, stride, bias=False)
            self.shortcut_norm = _normalisation(norm, after)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = torch.relu(self.first_norm(self.first(x)))
        z = self.second_norm(self.second(z))
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x))
        return torch.relu(z + x)


def _resnet(channels: int, width: int, norm: str) -> tuple[nn.Module, dict[str, nn.Module]]:
    stem, stem_norm = nn.Conv2d(channels, width, 3, 1, 1, bias=False), _normalisation(norm, width)
    named: dict[str, Any] = {"stem": (stem, stem_norm)}
    blocks = []
    for i, (before, after, stride) in enumerate(BLOCKS):
        block = _Block(before * width // 64, after * width // 64, stride, norm)
        for name in ("first", "second", "shortcut"):
            if (layer := getattr(block, name)) is not None:
                named[f"block{i}.{name}"] = (layer, getattr(block, f"{name}_norm"))
        blocks.append(block)
    module = nn.Sequential(stem, stem_norm, nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1))
    layers = {f"{name} conv": pair[0] for name, pair in named.items()}
    return module, layers | {f"{name} norm": pair[1] for name, pair in named.items()}


def _chain(
    name: str, image: tuple[int, int, int], width: int, norm: str
) -> tuple[nn.Module, dict[str, nn.Module]]:
    listed = LAYERS[name]
    before, modules, layers, i = image[2], [], {}, 0
    for entry in listed:
        if isinstance(entry, str):
            modules.append(nn.AvgPool2d(2) if entry == "A" else nn.MaxPool2d(2))
            continue
        after = entry[0] * width // listed[0][0]
        padding = entry[2] + (2 if image[:2] == (28, 28) and i == 0 else 0)
        conv, normalisation = nn.Conv2d(before, after, entry[1], 1, padding), nn.Identity()
        normalisation = _normalisation(norm, after)
        layers |= {f"conv{i} conv": conv, f"norm{i} norm": normalisation}
        modules += [conv, normalisation, nn.ReLU()]
        before, i = after, i + 1
    return nn.Sequential(*modules), layers


def module_of(
    name: str, image: tuple[int, int, int], width: int, norm: str
) -> tuple[nn.Module, dict[str, torch.Tensor], dict[str, nn.Module]]:
    """Make a module in float64, its tensors and its normalisations by the names of slimdc."""
    if name == "resnet18":
        module, layers = _resnet(image[2], width, norm)
    else:
        module, layers = _chain(name, image, width, norm)
    module.double()
    tensors: dict[str, torch.Tensor] = {}
    normalisations: dict[str, nn.Module] = {}
    for held_as, layer in layers.items():
        of, kind = held_as.split()
        if kind == "conv":
            tensors |= {f"{of}.{field}": x for field, x in layer.named_parameters()}
        elif norm != "none":
            tensors |= {f"{of}.scale": layer.weight, f"{of}.shift": layer.bias}
            normalisations[of] = layer
        if kind == "norm" and norm == "batch":
            tensors |= {f"{of}.mean": layer.running_mean, f"{of}.variance": layer.running_var}
    return module, tensors, normalisations


def features_and_gradients(
    module: nn.Module, tensors: dict[str, torch.Tensor], parameters: dict[str, np.ndarray], y: Any
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Compute features, and gradients of half the squared error, with given parameters."""
    for name, tensor in tensors.items():
        host = parameters[name]
        host = host.transpose(3, 2, 0, 1) if host.ndim == 4 else host
        # Its convolution refuses gradients where strides of axes of length 1 are not the usual.
        tensor.data = torch.tensor(host).clone(memory_format=torch.contiguous_format)
    free = {of: torch.tensor(parameters[of]) for of in ("head.weight", "head.bias", "x")}
    for tensor in free.values():
        tensor.requires_grad_(True)
    z = module(free["x"].permute(0, 3, 1, 2))
    features = z.permute(0, 2, 3, 1).reshape(z.shape[0], -1)
    predicted = features @ free["head.weight"] + free["head.bias"]
    loss = 0.5 * ((predicted - torch.tensor(y)) ** 2).sum() / z.shape[0]
    loss.backward()
    gradients = {}
    for name, tensor in (tensors | free).items():
        if tensor.grad is not None:
            found = tensor.grad.numpy()
            of_filters = found.ndim == 4 and name != "x"
            gradients[name] = found.transpose(2, 3, 1, 0) if of_filters else found
    return features.detach().numpy(), gradients

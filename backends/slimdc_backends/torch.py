"""The PyTorch backend, eager, on the CPU and on CUDA alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from slimdc.backend import Array, Differentiated, Groups, Scored, Tensors
from slimdc.errors import InvalidValueError, NumericalError
from slimdc_backends import cores


class TorchBackend:
    """Computes on PyTorch tensors.

    Parameters
    ----------
    device : str, optional
        Such as ``"cpu"`` or ``"cuda:0"``; the CPU where None.

    Raises
    ------
    InvalidValueError
        If PyTorch does not know the device, or has no such one here.
    """

    name = "torch"

    def __init__(self, device: str | None = None) -> None:
        self.device = "cpu" if device is None else device
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError) as error:
            raise InvalidValueError(
                "device", repr(device), "a device that PyTorch has here"
            ) from error

    def asarray(self, host: np.ndarray) -> Array:
        """Copy a host array to the device."""
        # PyTorch takes no memory that runs backwards: the copy is NumPy's.
        return torch.from_numpy(np.array(host, order="C")).to(self.device)

    def to_numpy(self, x: Array) -> np.ndarray:
        """Copy a tensor to the host."""
        return np.array(x.detach().cpu().numpy())

    def differentiate(self, function: Scored) -> Differentiated:
        """Differentiate by autograd; see `slimdc.backend.Backend`."""

        def differentiated(variables: Groups, *constants: Any) -> tuple[Tensors, Tensors, Groups]:
            with torch.enable_grad():
                live = {
                    group: {name: x.detach().requires_grad_() for name, x in part.items()}
                    for group, part in variables.items()
                }
                try:
                    values, extras = function(live, *constants)
                    gradients = {
                        group: torch.autograd.grad(
                            values[group],
                            list(part.values()),
                            retain_graph=True,
                            allow_unused=True,
                            materialize_grads=True,
                        )
                        for group, part in live.items()
                    }
                except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
                    raise NumericalError("loss", str(error), "a regular matrix") from error
            return (
                {group: value.detach() for group, value in values.items()},
                {name: x.detach() for name, x in extras.items()},
                {group: dict(zip(live[group], g, strict=True)) for group, g in gradients.items()},
            )

        return differentiated

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: this backend is eager."""
        return function

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool; see `slimdc.backend.Backend`."""
        # Both permutations only rename axes: in memory this is PyTorch's channels_last form.
        images = x.permute(0, 3, 1, 2)
        filters = weight.permute(3, 2, 0, 1)
        # A single filter has strides of both forms, and PyTorch's float64 kernel refuses one.
        one = filters.shape[0] == 1
        form = torch.contiguous_format if one else torch.channels_last
        filters = filters.contiguous(memory_format=form)
        z = torch.nn.functional.conv2d(images, filters, bias, padding=padding)
        pooled = torch.nn.functional.avg_pool2d(torch.relu(z), 2)
        return pooled.permute(0, 2, 3, 1)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Run without gradients outside `differentiate`, repeatably, on all available cores."""
        # PyTorch splits sums by the number of threads: held at the number of cores, whatever it
        # was set to, a run repeats to the bit on one machine.
        threads = torch.get_num_threads()
        torch.set_num_threads(cores.available())
        strict = torch.are_deterministic_algorithms_enabled()
        warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            with torch.no_grad():
                yield
        finally:
            torch.use_deterministic_algorithms(strict, warn_only=warn_only)
            torch.set_num_threads(threads)

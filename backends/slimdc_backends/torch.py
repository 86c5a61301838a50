"""The PyTorch backend, eager or compiled, on the CPU and on CUDA alike."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils import _pytree as pytree

from slimdc.backend import (
    Array,
    Differentiated,
    Groups,
    Scored,
    SharedContext,
    Tensors,
    convolved_shape,
)
from slimdc.errors import InvalidValueError, NumericalError
from slimdc_backends.torch_ranks import TorchRanks

__all__ = ["Precision", "TorchBackend"]

Precision: TypeAlias = Literal["float32", "tf32", "bfloat16"]

# Whether a function is being differentiated in this thread or task. What is differentiated inside
# of it keeps its graph, for the function may use variables of its own that are no arguments there.
_inside: ContextVar[bool] = ContextVar("inside", default=False)


@contextmanager
def _deterministic() -> Iterator[None]:
    strict = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(strict, warn_only=warn_only)


@contextmanager
def _tf32(wanted: bool) -> Iterator[None]:
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
    before = products.allow_tf32, convolutions.allow_tf32
    products.allow_tf32 = convolutions.allow_tf32 = wanted
    try:
        yield
    finally:
        products.allow_tf32, convolutions.allow_tf32 = before


_held_deterministic = SharedContext(_deterministic, "deterministic algorithms")
_held_tf32 = SharedContext(_tf32, "precision")


class TorchBackend:
    """Computes on PyTorch tensors.

    Parameters
    ----------
    device : str, optional
        Such as ``"cpu"`` or ``"cuda:0"``; the CPU where None.
    compiled : bool
        True traces a step once and compiles it with Inductor. The first step then takes from
        seconds to a minute; docs/speed.md says after how many steps that pays.
    precision : {"float32", "tf32", "bfloat16"}
        Of float32 convolutions. ``"tf32"``, on CUDA only, rounds the factors of their products,
        and of matrix products, to 10 bits of mantissa; ``"bfloat16"`` those of convolutions to 7,
        and what they give. Sums, losses and optimisers stay as they are.
    distributed : bool
        True takes part in the default process group of `torch.distributed`: every process draws
        networks of its own, and the factors move by the mean of their gradients.

    Raises
    ------
    InvalidValueError
        If PyTorch does not know the device, or has no such one here, the device has no such
        precision, or there is no process group.
    """

    name = "torch"

    def __init__(
        self,
        device: str | None = None,
        *,
        compiled: bool = False,
        precision: Precision = "float32",
        distributed: bool = False,
    ) -> None:
        self.device = "cpu" if device is None else device
        self.ranks = TorchRanks(self) if distributed else None
        self.compiled = compiled
        self.precision = precision
        self.options = {"compiled": compiled, "precision": precision, "distributed": distributed}
        try:
            # There and back: the "meta" device holds arrays, but no values.
            torch.zeros(1, device=self.device).cpu()
        except Exception as error:  # each kind of device fails in its own way
            raise InvalidValueError(
                "device", repr(device), "a device that PyTorch has here"
            ) from error
        known = [x for x in get_args(Precision) if x != "tf32" or self._cuda]
        if precision not in known:
            expected = f"one of {', '.join(map(repr, known))} on {self.device}"
            raise InvalidValueError("precision", repr(precision), expected)

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
            nested = _inside.get()
            token = _inside.set(True)
            try:
                with torch.enable_grad():
                    live = {
                        group: {name: _variable(x, nested) for name, x in part.items()}
                        for group, part in variables.items()
                    }
                    values, extras = function(live, *constants)
                    gradients = {
                        group: _gradients(values[group], part, nested)
                        for group, part in live.items()
                    }
            except torch.linalg.LinAlgError as error:  # type: ignore[attr-defined]
                raise NumericalError("loss", str(error), "a regular matrix") from error
            finally:
                _inside.reset(token)
            if nested:
                return values, extras, gradients
            return (
                {group: value.detach() for group, value in values.items()},
                {name: x.detach() for name, x in extras.items()},
                gradients,
            )

        return differentiated

    def compile(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Trace the function and compile it, once for each set of shapes, where that is wanted."""
        return self._traced(function) if self.compiled else function

    def conv(self, x: Array, weight: Array, stride: int, padding: int) -> Array:
        """Convolve; see `slimdc.backend.Backend`."""
        convolved_shape(x, weight, stride, padding)
        z = self._convolved(x, weight, None, stride, padding)
        return z.to(x.dtype).permute(0, 2, 3, 1)

    def conv_relu_pool(self, x: Array, weight: Array, bias: Array, padding: int) -> Array:
        """Convolve, rectify and pool; see `slimdc.backend.HasFastBlock`."""
        z = self._convolved(x, weight, bias, 1, padding)
        pooled = torch.nn.functional.avg_pool2d(torch.relu(z), 2)
        return pooled.permute(0, 2, 3, 1).to(x.dtype)

    @contextmanager
    def session(self) -> Iterator[None]:
        """Run repeatably, in the precision of this backend and on as many threads as PyTorch has.

        PyTorch splits sums by the number of its threads: a run on the CPU repeats to the bit where
        `torch.get_num_threads` is the same.

        Raises
        ------
        InvalidValueError
            If a run in another precision is under way on CUDA in this process.
        """
        tf32 = _held_tf32(self.precision == "tf32") if self._cuda else nullcontext()
        with _held_deterministic(), tf32:
            yield

    @property
    def _cuda(self) -> bool:
        return torch.device(self.device).type == "cuda"

    def _convolved(
        self, x: Array, weight: Array, bias: Array | None, stride: int, padding: int
    ) -> Array:
        """Convolve in PyTorch's order of axes, and in the precision of this backend."""
        # Both permutations only rename axes: in memory this is PyTorch's channels_last form.
        images = x.permute(0, 3, 1, 2)
        filters = weight.permute(3, 2, 0, 1)
        # A single filter has strides of both forms, and PyTorch's float64 kernel refuses one.
        one = filters.shape[0] == 1
        form = torch.contiguous_format if one else torch.channels_last
        filters = filters.contiguous(memory_format=form)
        if self.precision == "bfloat16" and images.dtype == torch.float32:
            images, filters = images.to(torch.bfloat16), filters.to(torch.bfloat16)
            bias = None if bias is None else bias.to(torch.bfloat16)
        return torch.nn.functional.conv2d(images, filters, bias, stride=stride, padding=padding)

    def _traced(self, function: Callable[..., Any]) -> Callable[..., Any]:
        graphs: dict[Any, tuple[Callable[..., Any], Any]] = {}

        def run(*args: Any) -> Any:
            leaves, tree = pytree.tree_flatten(args)
            floats = [x.dtype for x in leaves if torch.is_tensor(x) and x.is_floating_point()]
            dtype = functools.reduce(torch.promote_types, floats, torch.float32)
            # Floats as tensors: a graph would hold the value that it was traced with. `full`, since
            # copying a number to a GPU would wait for it.
            leaves = [
                torch.full((), x, dtype=dtype, device=self.device) if isinstance(x, float) else x
                for x in leaves
            ]
            key = (tree, *((x.shape, x.dtype) for x in leaves if x is not None))
            if key not in graphs:
                graphs[key] = _graph(function, leaves, tree)
            graph, made = graphs[key]
            return pytree.tree_unflatten(graph(*leaves), made)

        return run


def _variable(x: Array, nested: bool) -> Array:
    """Make what is differentiated in, apart from all other uses of the same tensor."""
    # A view is a place of its own in the graph of the outer function; what is in no graph gets one.
    return x.view_as(x) if nested and x.requires_grad else x.detach().requires_grad_()


def _gradients(value: Array, variables: Tensors, nested: bool) -> Tensors:
    """Differentiate a scalar, in a graph of its own where an outer function goes on from there."""
    if not value.requires_grad:
        return {name: torch.zeros_like(x) for name, x in variables.items()}
    found = torch.autograd.grad(
        value,
        list(variables.values()),
        retain_graph=True,
        create_graph=nested,
        allow_unused=True,
        materialize_grads=True,
    )
    return dict(zip(variables, found, strict=True))


def _graph(
    function: Callable[..., Any], leaves: list[Any], tree: Any
) -> tuple[Callable[..., Any], Any]:
    """Trace a function of a tree of tensors, its derivatives as well, into a compiled graph."""
    structure: list[Any] = []

    def flat(*leaves: Any) -> Any:
        results, made = pytree.tree_flatten(function(*pytree.tree_unflatten(leaves, tree)))
        structure.append(made)
        return results

    # Tracing below autograd leaves of every gradient just what is used.
    graph = make_fx(flat)(*leaves)
    return torch.compile(graph, dynamic=False), structure[0]

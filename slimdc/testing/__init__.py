"""Conformance checks that any backend can run, ours or a third party's.

Each raises an AssertionError that says what was expected of the backend and what it did. They need
no test framework and no library but the backend's own::

    from slimdc import testing

    testing.check_backend(MyBackend)

`ReferenceBackend` shows what the primitives must compute, in plain loops.
"""

from __future__ import annotations

from slimdc.backend import BackendFactory
from slimdc.testing.arrays import check_arrays, check_device
from slimdc.testing.compilation import check_compile
from slimdc.testing.convolutions import check_conv, check_conv_relu_pool, check_relu_at_zero
from slimdc.testing.gradients import (
    check_gradients,
    check_groups,
    check_loss_gradients,
    check_singular_solve,
)
from slimdc.testing.nesting import check_constant_losses, check_nesting
from slimdc.testing.networks import check_convnet_gradients, check_normalisation
from slimdc.testing.pooling import check_pooling
from slimdc.testing.reference import ReferenceBackend
from slimdc.testing.runs import check_determinism, check_session

__all__ = [
    "ReferenceBackend",
    "check_arrays",
    "check_backend",
    "check_compile",
    "check_constant_losses",
    "check_conv",
    "check_conv_relu_pool",
    "check_convnet_gradients",
    "check_determinism",
    "check_device",
    "check_gradients",
    "check_groups",
    "check_loss_gradients",
    "check_nesting",
    "check_normalisation",
    "check_pooling",
    "check_relu_at_zero",
    "check_session",
    "check_singular_solve",
]


def check_backend(make: BackendFactory) -> None:
    """Run every check of this module on a backend.

    Parameters
    ----------
    make : BackendFactory
        Makes the backend; its class, as a rule.

    Raises
    ------
    AssertionError
        At the first check that the backend does not pass.

    Examples
    --------
    >>> from slimdc_backends.numpy import NumpyBackend
    >>> check_backend(NumpyBackend)
    """
    for check in (
        check_arrays,
        check_gradients,
        check_groups,
        check_constant_losses,
        check_nesting,
        check_conv,
        check_pooling,
        check_conv_relu_pool,
        check_relu_at_zero,
        check_normalisation,
        check_convnet_gradients,
        check_loss_gradients,
        check_compile,
        check_determinism,
        check_session,
        check_singular_solve,
    ):
        check(make())
    check_device(make)

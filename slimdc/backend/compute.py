"""Where a run computes, and in what precision."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from array_api_compat import array_namespace

from slimdc._array import dtype_name, widest_float
from slimdc._checks import one_of
from slimdc._warning import warn
from slimdc.backend.protocol import Array, Backend
from slimdc.backend.registry import resolve
from slimdc.errors import InvalidValueError

__all__ = ["FLOAT32_RIDGE", "Compute", "Configured"]

# Below this, kernels that are solved in float32 lose the gradient of Eq. 7: at 1e-6 it is noise.
FLOAT32_RIDGE = 1e-3


@runtime_checkable
class Configured(Protocol):
    """A backend with options that change the bits of what it computes.

    The protocol asks for no such attribute; a backend that has options declares them here, so that
    a run is not resumed under other ones.

    Attributes
    ----------
    options : mapping of str to object
        Every option that changes a bit, by name: precision, compilation and the like.
    """

    options: Mapping[str, object]


@dataclass(frozen=True)
class Compute:
    """A backend, and the dtype that a run computes in.

    Parameters
    ----------
    backend : Backend
        What computes, on its device.
    dtype : {"float32", "float64"}
        In what; kernels are formed and solved in float64 in any case, where the backend has it.

    Examples
    --------
    >>> import numpy as np
    >>> compute = Compute.chosen(np.zeros(1), "numpy", None, "float32")
    >>> compute.asarray(np.arange(2)).dtype
    dtype('float32')
    """

    backend: Backend
    dtype: str

    @classmethod
    def chosen(
        cls, reference: Array, backend: str | Backend, device: str | None, dtype: str | None
    ) -> Compute:
        """Find where to compute from a caller's words.

        Parameters
        ----------
        reference : array
            One of the caller's arrays, whose library, device and dtype are the defaults.
        backend : str or Backend
            As for `slimdc.backend.resolve`.
        device : str, optional
            As for `slimdc.backend.resolve`.
        dtype : {"float32", "float64"}, optional
            By default that of ``reference``, or the nearest one that the backend has.

        Returns
        -------
        Compute

        Raises
        ------
        InvalidTypeError, InvalidValueError, MissingBackendError
            The backend or its device cannot be had, or it has no such dtype.
        """
        found = resolve(backend, reference, device)
        if dtype is None:
            return cls(found, _nearest(found, dtype_name(reference)))
        one_of("dtype", dtype, ("float32", "float64"))
        if _nearest(found, dtype) != dtype:
            raise InvalidValueError("dtype", repr(dtype), f"one that {found.name} has as it is set")
        return cls(found, dtype)

    @property
    def identity(self) -> dict[str, Any]:
        """All that changes a bit of what is computed here: runs resume where this is the same."""
        kind = type(self.backend)
        return {
            "backend": self.backend.name,
            "class": f"{kind.__module__}.{kind.__qualname__}",
            "device": self.backend.device,
            "dtype": self.dtype,
            "float64": self.has_float64,
            "options": dict(self.backend.options) if isinstance(self.backend, Configured) else {},
        }

    @property
    def has_float64(self) -> bool:
        """Whether kernels are solved in float64; JAX has it only with x64 switched on."""
        xp = array_namespace(self.backend.asarray(np.zeros(0)))
        return bool(widest_float(xp) == xp.float64)

    def asarray(self, host: np.ndarray) -> Array:
        """Copy numbers of the host to the backend, in the dtype."""
        with np.errstate(over="ignore"):  # what becomes infinite is found by whoever reads the loss
            return self.backend.asarray(host.astype(self.dtype))

    def session(self) -> AbstractContextManager[None]:
        """Hold threads and determinism as a run needs them; see `Backend.session`."""
        return self.backend.session()

    def safe_ridge(self, ridge: float) -> float:
        """Raise a ridge that is too small for kernels without float64, with a warning.

        Warns
        -----
        SlimdcWarning
            If the ridge is raised.
        """
        if ridge >= FLOAT32_RIDGE or self.has_float64:
            return ridge
        warn(
            f"ridge: found {ridge:g}, expected at least {FLOAT32_RIDGE:g} where "
            f"{self.backend.name} has no float64; {FLOAT32_RIDGE:g} is used",
        )
        return FLOAT32_RIDGE


def _nearest(backend: Backend, dtype: str) -> str:
    return dtype_name(backend.asarray(np.zeros(0, dtype)))

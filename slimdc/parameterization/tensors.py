"""Arrays as a dataset of PyTorch, for loops that others have written."""

from __future__ import annotations

from typing import Any

import array_api_compat

from slimdc._array import to_numpy
from slimdc.errors import MissingLibraryError

__all__ = ["tensor_dataset"]


def tensor_dataset(*arrays: Any) -> Any:
    """Make a TensorDataset of arrays of any framework.

    Parameters
    ----------
    *arrays : array
        Tensors stay as they are, other arrays are copied.

    Returns
    -------
    torch.utils.data.TensorDataset

    Raises
    ------
    MissingLibraryError
        PyTorch is not installed.
    """
    try:
        import torch
        from torch.utils.data import TensorDataset
    except ImportError as error:
        raise MissingLibraryError(
            "torch_dataset", "no PyTorch", "it installed: pip install 'slimdc[torch]'"
        ) from error
    tensors = (
        x if array_api_compat.is_torch_array(x) else torch.from_numpy(to_numpy(x)) for x in arrays
    )
    return TensorDataset(*tensors)

# %% [markdown]
# # Write a backend
#
# slimdc computes on NumPy, CuPy, PyTorch and JAX by the same lines. What these do differently is
# a backend: six members. Here is a small one, checked as the built-in ones are, and used.
#
# ## The six members
#
# It computes in NumPy, and convolves in a way of its own: as a sum of matrix products, one for
# each place of the filter. It differentiates by the backend `"numpy"`; yours does it by its
# framework, as `jax.value_and_grad` or `torch.autograd.grad`.

# %%
from contextlib import nullcontext

import numpy as np
from array_api_compat import array_namespace

import slimdc
from slimdc import testing
from slimdc.backend import convolved_shape, get
from slimdc.errors import InvalidValueError


class Sums:
    name = "sums"

    def __init__(self, device=None):
        if device not in (None, "cpu"):
            raise InvalidValueError("device", repr(device), "'cpu'")
        self.device = "cpu"

    def asarray(self, host):
        return np.array(host)  # a copy: no result may share memory with an argument

    def to_numpy(self, x):
        return np.array(x)

    def differentiate(self, function):
        return get("numpy").differentiate(function)

    def compile(self, function):
        return function  # NumPy has no compiler

    def session(self):
        return nullcontext()  # nothing to hold

    def conv(self, x, weight, stride, padding):
        _, height, width, _ = convolved_shape(x, weight, stride, padding)
        x = padded(x, padding)
        parts = [
            x[:, i : i + stride * height : stride, j : j + stride * width : stride, :]
            @ weight[i, j, :, :]
            for i in range(weight.shape[0])
            for j in range(weight.shape[1])
        ]
        return sum(parts[1:], parts[0])


# %% [markdown]
# What is given to `conv` are arrays, or, where a function is being differentiated, variables that
# stand for arrays. Both are used through the namespace that they name; `np.pad` would see no
# variables.


# %%
def padded(x, padding):
    if padding == 0:
        return x
    xp = array_namespace(x)
    for axis in (1, 2):
        shape = list(x.shape)
        shape[axis] = padding
        zeros = xp.zeros(tuple(shape), dtype=x.dtype)
        x = xp.concat([zeros, x, zeros], axis=axis)
    return x


# %% [markdown]
# ## Check it
#
# `check_backend` compares values, gradients and gradients of gradients with plain loops and
# central differences. It says nothing where all is well.

# %%
testing.check_backend(Sums)

# %% [markdown]
# What it would say of a mistake: here the filters are turned, as in mathematics, and not as in
# networks.


# %%
class Turned(Sums):
    def conv(self, x, weight, stride, padding):
        xp = array_namespace(weight)
        return super().conv(x, xp.flip(weight, axis=(0, 1)), stride, padding)


try:
    testing.check_backend(Turned)
except AssertionError as error:
    complaint = str(error)
    print(complaint)

# %% [markdown]
# ## Use it
#
# A backend is given to a call as it is. One seed draws the same networks on every backend, so
# that the results differ by rounding alone.

# %%
data, _, _ = slimdc.datasets.sample()
options = {"steps": 5, "width": 8, "progress": False}
mine = slimdc.slim(data, 2, backend=Sums(), **options)
theirs = slimdc.slim(data, 2, backend="numpy", **options)
apart = float(np.abs(mine.arrays()[0] - theirs.arrays()[0]).max())
print(f"largest difference of two samples: {apart:.1e}")

# %% [markdown]
# ## Register it
#
# Users of your package name it, `backend="sums"`, where the package has an entry point in its
# `pyproject.toml`:
#
# ```toml
# [project.entry-points."slimdc.backends"] sums = "my_package:Sums"
# ```
#
# No change of slimdc is needed. What each member promises, and the optional parts (a fast path,
# several devices, options): [Write a backend](../backends.md).
#
# ## To be sure

# %%
assert complaint
assert apart < 1e-3

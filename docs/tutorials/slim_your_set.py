# %% [markdown]
# # Slim a set that somebody published
#
# A condensed set comes as a file of its authors' own kind. Here such a file is read, slimmed to
# 10 kB without its real data, checked, and written back as pictures. Needs `pip install
# "slimdc[images,plot]"`.
#
# ## The file
#
# To have one, we write the set in the package as the code of KIP writes its sets: an archive of
# NumPy with `images` (height, width, channels) and `labels`, in the space that networks see.
# Other authors write `.pt` files of PyTorch, folders of PNG or tables: [all that `read`
# knows](../formats.md).

# %%
import numpy as np

import slimdc

sample = slimdc.datasets.sample()
images, labels = sample.data.arrays()
np.savez("published.npz", images=images, labels=labels)
print(images.shape, labels.shape)

# %% [markdown]
# ## Read it
#
# The file does not say how its images were standardised, and a wrong guess costs all accuracy. So
# `read` asks:

# %%
try:
    slimdc.read("published.npz")
except slimdc.errors.SlimdcError as error:
    print(error)

# %% [markdown]
# The answer is in the paper or the code of the authors: a mean and a deviation for each channel
# here.

# %%
space = slimdc.Preprocessing((0.2861,), (0.3530,))
data = slimdc.read("published.npz", preprocessing=space)
print(data)
print(f"{data.nbytes:,} bytes")

# %% [markdown]
# ## Slim it
#
# A budget in bytes is enough: how many components are kept of each class, and in how many bits,
# is chosen from the set alone. `steps=0` does it at once. Without it the set is trained as well,
# which takes minutes, and pays at budgets below 5 kB.

# %%
small = slimdc.slim(data, nbytes=10_000, steps=0)
slimdc.save(small, "small.safetensors")
print(small)

# %% [markdown]
# ## What was lost?
#
# `certify` compares the two sets without any data: exact distances, and bounds where their
# conditions hold.

# %%
certificate = slimdc.certify(data, small)
print(certificate)

# %% [markdown]
# With real images at hand, networks tell more. These are narrow and trained for a few steps, so
# that this page is made quickly: compare the two figures with each other, and not with those of
# [Results](../results.md).


# %%
def accuracy(some):
    quick = slimdc.settings.EvaluationSettings(width=16, repeats=1, steps=60, rate=2e-3)
    found = slimdc.evaluate(some, sample.x_test, sample.y_test, protocol=quick, progress=False)
    return found.mean


before, after = accuracy(data), accuracy(small)
print(f"{data.nbytes:,} bytes: {before:.1f} %; {small.nbytes:,} bytes: {after:.1f} %")

# %% One sample of each class, before and after
from slimdc import pictures

pictures.samples({"before": data, "after": small})

# %% [markdown]
# ## Write it back
#
# As pictures, in a folder for each class, which any loader reads. Pictures hold the class, and
# not the soft labels, and take 8 bits a pixel: what was saved in bytes is in the slimmable file.

# %%
from pathlib import Path

slimdc.write(small, "pictures", format="sre2l", labels="classes")
written = sorted(Path("pictures").rglob("*.*"))
print(len(written), "files:", written[0], "…", written[-1])
print(f"{Path('small.safetensors').stat().st_size:,} bytes as a slimmable file")

# %% [markdown]
# As the file that it came from, for code that expects one:

# %%
slimdc.write(small, "small.npz", format="kip")
again = slimdc.read("small.npz", preprocessing=space)
print(again)

# %% [markdown]
# ## With PyTorch
#
# `.pt` files are read and written where PyTorch is installed, `pip install "slimdc[torch]"`.

# %%
from importlib.util import find_spec

if find_spec("torch"):
    slimdc.write(small, "as-mtt", format="mtt", labels="classes")
    print(slimdc.read("as-mtt", preprocessing=space))
else:
    print("Not run: PyTorch is not installed where this page was made.")

# %% [markdown]
# ## To be sure

# %%
assert Path("small.safetensors").stat().st_size <= 10_000
assert len(written) == len(data)
assert after > before - 5
assert np.allclose(again.arrays()[0], small.arrays()[0], atol=1e-5)

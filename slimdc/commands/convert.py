"""``slimdc convert``: a set from one of the forms that sets are published in to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc import datasets
from slimdc.commands.data import with_matrix
from slimdc.errors import InvalidValueError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from slimdc.parameterization import SlimmableDataset
    from slimdc.parameterization.preprocessing import Preprocessing

__all__ = ["add"]

_ZCA = "zca-"


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "sets", nargs="+", type=Path, metavar="IN", help="a file or a folder; several are its parts"
    )
    command.add_argument("out", type=Path, metavar="OUT", help="where to write it")
    command.add_argument(
        "--format",
        default="slimdc",
        help="what to write: slimdc (the default), vico, mtt, datm, idc, kip, rfad, frepo, sre2l, "
        "rded or parquet",
    )
    command.add_argument(
        "--from",
        dest="source",
        default="auto",
        metavar="FORMAT",
        help="what IN must be (default: what it fits)",
    )
    command.add_argument(
        "--preprocessing",
        default="auto",
        metavar="SPACE",
        help="the space of the samples, where the file does not say it: none, cifar10, "
        "cifar10-vico and the like, or zca-frepo, zca-kip, zca-mtt or zca-rfad fitted to --data",
    )
    command.add_argument("--experiment", type=int, help="which set of a file of several, from 0")
    command.add_argument(
        "--factor", type=int, default=1, help="an image of IN packs FACTOR by FACTOR samples"
    )
    command.add_argument("--classes", type=int, help="number of classes, where some have no sample")
    command.add_argument(
        "--data",
        metavar="NAME|FOLDER",
        help="training images that a whitening was fitted to: see `slimdc evaluate --help`",
    )
    command.add_argument("--root", type=Path, metavar="DIR", help="folder of the data's files")
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc

    data = slimdc.read(
        options.sets,
        format=options.source,
        preprocessing=_space(options),
        experiment=options.experiment,
        factor=options.factor,
        classes=options.classes,
    )
    if options.data is not None and not data.preprocessing.is_complete:
        data = with_matrix(data, options.sets[0], _images(options, data.layout))
    slimdc.write(data, options.out, format=options.format)
    print(f"{options.out}: {_told(data)}, as {options.format}")


def _told(data: SlimmableDataset) -> str:
    shape = "x".join(map(str, data.shape))
    return f"{len(data)} samples of {shape} in {data.classes} classes"


def _space(options: argparse.Namespace) -> Preprocessing | str:
    """Fit a whitening in the layout of the file that it is for; other names are `read`'s."""
    from slimdc.parameterization.preprocessing import Preprocessing
    from slimdc.storage.foreign import FORMATS, recognised

    name = str(options.preprocessing)
    if not name.startswith(_ZCA):
        return name
    if options.data is None:
        raise InvalidValueError("--data", "None", f"the training images that {name} is fitted to")
    source = recognised(options.sets, options.source)
    if source not in FORMATS:
        raise InvalidValueError("--preprocessing", name, "auto: a slimmable file says its space")
    layout = FORMATS[source].layout
    return Preprocessing.zca(_images(options, layout), layout, recipe=name.removeprefix(_ZCA))


def _images(options: argparse.Namespace, layout: str) -> NDArray[np.uint8]:
    """Read the training images in the layout of the set, which a whitening is tied to."""
    x = datasets.read(options.data, options.root).x_train
    x = x[..., None] if x.ndim == 3 else x
    return x.transpose(0, 3, 1, 2) if layout == "channels_first" else x

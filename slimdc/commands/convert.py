"""``slimdc convert``: a set from one of the forms that sets are published in to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from slimdc._checks import shown
from slimdc.commands.answers import answer
from slimdc.commands.data import in_layout, train_images, with_matrix, with_matrix_beside
from slimdc.commands.messages import check_apart
from slimdc.commands.options import add_answer, add_foreign, completed, set_or_folder, whole
from slimdc.errors import InvalidValueError
from slimdc.parameterization.preprocessing.standardisation import STATISTICS
from slimdc.parameterization.preprocessing.whitening import RECIPES
from slimdc.storage.foreign import FORMATS, NAMES
from slimdc.storage.foreign.formats import OWN_NAME

if TYPE_CHECKING:
    from slimdc.parameterization import SlimmableDataset
    from slimdc.parameterization.preprocessing import Preprocessing

__all__ = ["add"]

_ZCA = "zca-"
_WHITENED = tuple(_ZCA + recipe for recipe in RECIPES)
_SPACES = ("auto", "none", *STATISTICS, *_WHITENED)

# The formats that are expected of a name by its ending: ours under it would mislead.
_ENDINGS = {
    ".npz": "kip, rfad or frepo",
    ".parquet": "parquet",
    ".pt": "vico or idc",
    ".pth": "vico or idc",
}


def add(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "sets",
        nargs="+",
        type=set_or_folder,
        metavar="IN",
        help="a file or a folder, or sample; several are its parts",
    )
    command.add_argument("out", type=Path, metavar="OUT", help="where to write it")
    completed(
        command.add_argument(
            "--format",
            metavar="NAME",
            help=f"what to write: {', '.join(NAMES)} (default: {OWN_NAME}; needed where OUT is "
            "called as files of others are)",
        ),
        NAMES,
    )
    completed(
        command.add_argument(
            "--from",
            dest="source",
            default="auto",
            metavar="NAME",
            help="what IN must be, of the same names (default: %(default)s, what it fits)",
        ),
        ("auto", *NAMES),
    )
    completed(
        command.add_argument(
            "--preprocessing",
            default="auto",
            metavar="SPACE",
            help="the space of the samples, where the file does not say it: none, "
            f"{', '.join(STATISTICS)}, or {', '.join(_WHITENED)} fitted to --data (default: "
            "%(default)s, as the file says)",
        ),
        _SPACES,
    )
    command.add_argument(
        "--labels",
        choices=("rows", "classes"),
        default="rows",
        help="what of the labels is written: the rows held, or the class of each sample alone, "
        "which formats of classes take of a slimmed set (default: %(default)s)",
    )
    add_foreign(command)
    command.add_argument(
        "--data",
        metavar="NAME|PATH",
        help="training images that a whitening was fitted to, as for `slimdc evaluate` (default: "
        "none)",
    )
    command.add_argument(
        "--root",
        type=Path,
        metavar="DIR",
        help="where the files of a named set are (default: as for `slimdc evaluate`)",
    )
    command.add_argument(
        "--size",
        type=whole,
        metavar="PIXELS",
        help="height and width that images in folders of --data were brought to (default: all have "
        "one size)",
    )
    add_answer(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    import slimdc

    for place in options.sets:
        if isinstance(place, str):
            raise InvalidValueError(
                "IN", shown(place), "files or folders; `slimdc info` reads URLs"
            )
    check_apart(options.out, options.sets, "OUT")
    options.format = options.format or _ours(options.out)
    for name in ("root", "size"):
        if options.data is None and (found := getattr(options, name)) is not None:
            raise InvalidValueError(f"--{name}", str(found), "--data, whose images it is of")
    data = slimdc.read(
        options.sets,
        format=options.source,
        preprocessing=_space(options),
        experiment=options.experiment,
        factor=options.factor,
        classes=options.classes,
    )
    data = _with_matrix(options, data)
    slimdc.write(data, options.out, format=options.format, labels=options.labels)
    document = {
        "file": str(options.out),
        "format": options.format,
        "samples": len(data),
        "classes": data.classes,
        "shape": list(data.shape),
    }
    told = f"{options.out}: {_told(data)}, as {options.format}"
    answer(options, told + _left_out(data, options.format), document)


def _ours(out: Path) -> str:
    """Choose our format, where the name of the file promises no other."""
    others = _ENDINGS.get(out.suffix.lower())
    if others:
        raise InvalidValueError("--format", f"none for {out}", f"{others}, or {OWN_NAME}")
    return OWN_NAME


def _with_matrix(options: argparse.Namespace, data: SlimmableDataset) -> SlimmableDataset:
    """Find the matrix of a whitening beside the set, or fit it to the images that are named."""
    place = options.sets[0]
    if options.data is None:
        known = FORMATS.get(options.format)
        return with_matrix_beside(data, place) if known is not None and known.pixels else data
    if data.preprocessing.whitening is None:
        raise InvalidValueError("--data", options.data, "none: the set is in no whitened space")
    if data.preprocessing.is_complete:
        return data
    return with_matrix(data, place, train_images(options.data, options.root, options.size)[0])


def _told(data: SlimmableDataset) -> str:
    shape = "x".join(map(str, data.shape))
    return f"{len(data)} samples of {shape} in {data.classes} class{'es' * (data.classes != 1)}"


def _left_out(data: SlimmableDataset, name: str) -> str:
    lost = data.names is not None and name in FORMATS and not FORMATS[name].named
    return "; the names of its classes are not kept there" if lost else ""


def _space(options: argparse.Namespace) -> Preprocessing | str:
    """Fit a whitening in the layout of the file that it is for; other names are `read`'s."""
    from slimdc.parameterization.preprocessing import Preprocessing
    from slimdc.storage.foreign import recognised

    name = str(options.preprocessing)
    if name not in _SPACES:
        raise InvalidValueError("--preprocessing", name, f"one of {', '.join(_SPACES)}")
    if name not in _WHITENED:
        return name
    if options.data is None:
        raise InvalidValueError("--data", "None", f"the training images that {name} is fitted to")
    source = recognised(options.sets, options.source)
    if source not in FORMATS:
        raise InvalidValueError("--preprocessing", name, "auto: a slimmable file says its space")
    x, layout = train_images(options.data, options.root, options.size)[0], FORMATS[source].layout
    return Preprocessing.zca(in_layout(x, layout), layout, recipe=name.removeprefix(_ZCA))
